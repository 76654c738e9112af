/** Compares versions: those of CCT, and those of Claude Code. */

/** The first version of Claude Code with hooks that wake an idle session. */
export const WAKES_SINCE = "2.1.112";

const FORM = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?$/;

/** Whether `one` is a lower version than `other`. Of a text that is no version nobody knows: `false`. */
export function isOlder(one: string, other: string): boolean {
  const [a, b] = [FORM.exec(one), FORM.exec(other)];
  if (!a || !b) return false;
  for (const i of [1, 2, 3]) {
    const [x, y] = [Number(a[i]), Number(b[i])];
    if (x !== y) return x < y;
  }
  // A pre-release comes before its release.
  const [x, y] = [a[4], b[4]];
  if (x === undefined || y === undefined) return x !== undefined && y === undefined;
  return x.localeCompare(y, "en", { numeric: true }) < 0;
}

/** Whether a version is `since` or later. Of a text that is no version nobody knows: `false`. */
export const atLeast = (version: string, since: string): boolean => FORM.test(version) && !isOlder(version, since);
