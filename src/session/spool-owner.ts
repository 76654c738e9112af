/** Whose a spool is: one host process's, with one session server; and what is cleared away when that is over. */
import { lstatSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { CctError } from "../platform/errors.ts";
import { isPlainAndOurs, paths, readTrusted, writeWhole } from "../platform/home.ts";
import { tryLock } from "../platform/lock.ts";
import { isAlive, startedAt, startMark } from "../platform/process.ts";
import { isPrivateName } from "../rules/spoolfile.ts";

/** What hooks that are faster than we may have written already when a host starts. */
const KEPT = ["state", "session", "waiter", "tool"];

/**
 * Removes what our hooks and servers cannot have put there: links, folders, others' files. The spool is ours alone by now;
 * it was not, if the home ever stood open.
 */
function clearForeign(folder: string): void {
  for (const name of readdirSync(folder)) {
    const stat = lstatSync(join(folder, name), { throwIfNoEntry: false });
    if (!stat || isPlainAndOurs(stat) || (stat.isFIFO() && name.startsWith("poke."))) continue;
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Makes the session server `me` the only one of a host process's spool, and clears away what is not that process's. Answers
 * whether there was such. Throws `conflict` when another server that lives has it.
 */
export function takeOver(folder: string, claudePid: number, me: { pid: number; newId(): string }): boolean {
  clearForeign(folder);
  const holder = tryLock(join(folder, "server"), me);
  if (holder !== undefined && holder !== me.pid)
    throw new CctError(
      "conflict",
      `Another CCT session server (process ${holder}) already serves this session; this one steps back.`,
      "CCT is installed twice: remove one of the two (see: claude mcp list, cct doctor).",
    );
  // What a killed server had just taken back: at the broker its claims lapse, and the mail comes again.
  for (const name of readdirSync(folder)) if (isPrivateName(name)) rmSync(join(folder, name), { force: true });
  const owner = join(folder, "owner");
  const host = startMark(claudePid);
  if (readTrusted(owner)?.trim() === host) return false;
  // Another process had this number. The folder itself must stay: the host may watch it already.
  for (const name of readdirSync(folder)) {
    const mayBeNew = KEPT.includes(name) || name.startsWith("poke.");
    const isNew = mayBeNew && !isOlder(join(folder, name), startedAt(claudePid));
    if (name !== "server" && !isNew) rmSync(join(folder, name), { recursive: true, force: true });
  }
  writeWhole(owner, `${host}\n`, me.newId());
  return true;
}

/** Written before the process began (which is known to a second), and so by a hook of another one. */
function isOlder(path: string, began: number | undefined): boolean {
  return began !== undefined && statSync(path).mtimeMs < began - 2_000;
}

/** A file that was half written this long ago will not be finished. */
const HALF_WRITTEN_MS = 3_600_000;

/** Clears away what ended host processes left, whose mail's leases lapse so that it is queued again, and half-written files. */
export function sweepDead(home: string, now: number): void {
  const { spools, pidmaps, flags, outboxes } = paths(home);
  const foldersIn = (folder: string) => readdirSync(folder).map((name) => join(folder, name));
  for (const folder of [spools, pidmaps, flags]) {
    for (const name of readdirSync(folder)) {
      if (/^\d+$/.test(name) && !isAlive(Number(name))) rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
  for (const folder of [pidmaps, flags, ...foldersIn(spools), ...foldersIn(outboxes)]) {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (
        name.startsWith(".tmp.") &&
        now - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now) > HALF_WRITTEN_MS
      )
        rmSync(path, { force: true });
    }
  }
}
