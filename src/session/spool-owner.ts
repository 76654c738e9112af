/** Ownership of spools: one host process and one session server each. Removes what ended ones left. */
import { existsSync, lstatSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { CctError } from "../platform/errors.ts";
import { isPlainAndOurs, readTrusted, writeWhole } from "../platform/files.ts";
import { paths } from "../platform/home.ts";
import { holderOf, tryLock } from "../platform/lock.ts";
import { isAlive, parsePid, startedAt, startMark } from "../platform/process.ts";
import { isPrivateName } from "../rules/spoolfile.ts";
import { KEEP_MS } from "./records.ts";

/** The lock file of the spool's session server. */
const SERVER = "server";

/** Files that hooks may have written before the session server started. */
const EARLY_FILES = ["state", "session", "dialog", "due", "waiter", "tool", "instructed"];

/**
 * Removes what our hooks and session servers never create: links, folders, other users' files. They can be there if the home
 * was once open to others.
 */
function clearForeign(folder: string): void {
  for (const name of readdirSync(folder)) {
    const stat = lstatSync(join(folder, name), { throwIfNoEntry: false });
    if (!stat || isPlainAndOurs(stat) || (stat.isFIFO() && name.startsWith("poke."))) continue;
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Makes `me` the only session server of the spool, and removes what an earlier host process with this pid left. Returns whether
 * there was one. Throws `conflict` when another live session server has the spool.
 */
export function takeOver(folder: string, hostPid: number, me: { pid: number; newId(): string }): boolean {
  clearForeign(folder);
  const holder = tryLock(join(folder, SERVER), me);
  if (holder !== undefined && holder !== me.pid)
    throw new CctError(
      "conflict",
      `Another CCT session server (process ${holder}) already serves this session; this one waits until that has ended.`,
      "If it stays, CCT is installed twice: remove one of the two (see the agent's list of MCP servers, and cct doctor).",
    );
  // A killed session server was working on these. Their leases expire, and the mail comes again.
  for (const name of readdirSync(folder)) if (isPrivateName(name)) rmSync(join(folder, name), { force: true });
  const owner = join(folder, "owner");
  const host = startMark(hostPid);
  if (readTrusted(owner)?.trim() === host) return false;
  // Another process had this pid. The folder itself must stay, because the host may watch it already.
  for (const name of readdirSync(folder)) {
    const mayBeNew = EARLY_FILES.includes(name) || name.startsWith("poke.");
    const isNew = mayBeNew && !isOlder(join(folder, name), startedAt(hostPid));
    if (name !== SERVER && !isNew) rmSync(join(folder, name), { recursive: true, force: true });
  }
  writeWhole(owner, `${host}\n`, me.newId());
  return true;
}

/** In the spool: of the session servers that wait for it the one that began last. */
const NEXT = "next";

/** The host has started `me` after the others that wait: it has given those up. */
export const waitInLine = (folder: string, me: { pid: number; newId(): string }): void =>
  writeWhole(join(folder, NEXT), `${me.pid} ${startMark(me.pid)}\n`, me.newId());

/** Whether nobody has the spool, and no later session server waits for it. */
export function isFreeFor(pid: number, folder: string): boolean {
  return holderOf(join(folder, SERVER)) === undefined && [undefined, pid].includes(holderOf(join(folder, NEXT)));
}

/** Whether a file was written before the process began, so by a hook of another one. Start times have a resolution of a second. */
function isOlder(path: string, began: number | undefined): boolean {
  return began !== undefined && statSync(path).mtimeMs < began - 2_000;
}

/** A temporary file this old has no writer any more. */
const TEMPORARY_MS = 3_600_000;

/**
 * Removes spools, pid maps and flags of ended host processes (the leases of their mail expire), old temporary files, what
 * else lies there under a name that is no process id, and outboxes of peers that no session can become any more.
 */
export function sweepDead(home: string, now: number): void {
  const { spools, pidmaps, flags, outboxes } = paths(home);
  const isOlderThan = (ms: number, path: string): boolean =>
    now - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now) > ms;
  for (const folder of [spools, pidmaps, flags]) {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const pid = parsePid(name);
      if (pid === undefined ? isOlderThan(TEMPORARY_MS, path) : !isAlive(pid))
        rmSync(path, { recursive: true, force: true });
    }
  }
  for (const folder of [spools, outboxes]) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      for (const name of readdirSync(join(folder, entry.name))) {
        const path = join(folder, entry.name, name);
        if (name.startsWith(".tmp.") && isOlderThan(TEMPORARY_MS, path)) rmSync(path, { force: true });
      }
    }
  }
  for (const name of readdirSync(outboxes)) {
    const folder = join(outboxes, name);
    try {
      const isAbandoned = !existsSync(paths(home).peer(name)) && isOlderThan(KEEP_MS, folder);
      if (isAbandoned && readdirSync(folder).every((file) => isOlderThan(KEEP_MS, join(folder, file))))
        rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another session removes it, too.
    }
  }
}
