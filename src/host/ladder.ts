/**
 * The delivery ladder: which rung needs which version of Claude Code. Install, doctor and `docs/hosts.md` (made by
 * `npm run surface`) read this one table.
 */

export interface Rung {
  name: string;
  /** When it delivers. */
  moment: string;
  /** First version that has all it needs. */
  since: string;
}

export const ladder: readonly Rung[] = [
  {
    name: "PreToolUse deny",
    moment: "busy: the next tool call is held back with the mail as the reason",
    since: "2.0.0",
  },
  { name: "Stop", moment: "about to go idle: the turn goes on with the mail", since: "2.0.0" },
  { name: "UserPromptSubmit", moment: "the user types: the mail stands beside the prompt", since: "2.0.0" },
  { name: "PreToolUse inject", moment: "busy: the mail stands beside the next tool result", since: "2.1.110" },
  {
    name: "FileChanged wake",
    moment: "idle: the mail wakes the session, without a resident process",
    since: "2.1.112",
  },
  {
    name: "waiter",
    moment: "idle: the mail wakes the session in a third of a second, by a process that waits for it",
    since: "2.1.112",
  },
  {
    name: "PostToolBatch",
    moment: "busy: mail that came while tools ran stands beside their results",
    since: "2.1.163",
  },
];

/** From this version on the plugin is loaded from the personal skills folder, with every event that it names. */
export const PLUGIN_SINCE = "2.1.163";

/** Compares dotted versions; true when `version` is `since` or later. */
export function atLeast(version: string, since: string): boolean {
  const have = version.split(".").map(Number);
  for (const [i, part] of since.split(".").map(Number).entries()) {
    const other = have[i] ?? 0;
    if (other !== part) return other > part;
  }
  return true;
}

/** Whether a version has the rung of this name. */
export function hasRung(version: string, name: string): boolean {
  return rungsOf(version).some((rung) => rung.name === name);
}

/** The rungs that a version has. */
export function rungsOf(version: string): Rung[] {
  return ladder.filter((rung) => atLeast(version, rung.since));
}
