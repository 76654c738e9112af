/**
 * The home (`~/.cct`): where things lie in it, and the checks that make it ours alone. Directories are 0700, files 0600;
 * wider modes are mended, a symbolic link or a foreign owner is refused.
 */
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CctError, systemCode } from "./errors.ts";

export const paths = (home: string) => ({
  database: join(home, "cct.db"),
  token: join(home, "token"),
  /** What the broker shows to other machines, and its key. */
  cert: join(home, "broker.crt"),
  key: join(home, "broker.key"),
  /** Where the running broker is; stays behind when it is killed. */
  broker: join(home, "broker.json"),
  logs: join(home, "log"),
  spools: join(home, "spool"),
  spool: (claudePid: number) => join(home, "spool", String(claudePid)),
  pidmaps: join(home, "pidmaps"),
  pidmap: (claudePid: number) => join(home, "pidmaps", String(claudePid)),
  /** What status lines show, by the host's process id. */
  flags: join(home, "flags"),
  flag: (claudePid: number) => join(home, "flags", String(claudePid)),
  peers: join(home, "peers"),
  peer: (peerId: string) => join(home, "peers", `${peerId}.json`),
  /** What could not be sent, by the sender's peer_id. */
  outboxes: join(home, "outbox"),
  outbox: (peerId: string) => join(home, "outbox", peerId),
});

/** Makes the home if need be, and checks and mends it. `deep`: every file in it, not only the directories on top. */
export function prepareHome(home: string, user: number, deep: boolean): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    check(home, user);
    const { spools, pidmaps, flags, peers, logs, outboxes } = paths(home);
    const folders = [spools, pidmaps, flags, peers, logs, outboxes];
    for (const folder of folders) mkdirSync(folder, { mode: 0o700, recursive: true });
    for (const folder of folders) check(folder, user);
    if (deep) checkBelow(home, user);
  } catch (error) {
    if (error instanceof CctError) throw error;
    throw new CctError(
      "store_failed",
      `The home ${home} cannot be used (${systemCode(error) ?? error}).`,
      "Make it writable for you, or set CCT_HOME to a folder that is.",
    );
  }
}

/** Refuses what is not plainly ours, and mends a mode that lets others in. */
function check(path: string, user: number): void {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) {
    throw new CctError(
      "forbidden",
      `${path} is a symbolic link.`,
      "CCT keeps secrets there: replace it by the real folder or file.",
    );
  }
  if (stat.uid !== user) {
    throw new CctError(
      "forbidden",
      `${path} belongs to user ${stat.uid}, not to you (${user}).`,
      "Move it away, or set CCT_HOME.",
    );
  }
  const wanted = stat.isDirectory() ? 0o700 : 0o600;
  if ((stat.mode & 0o777) !== wanted) chmodSync(path, wanted);
}

function checkBelow(folder: string, user: number): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    try {
      check(path, user);
    } catch (error) {
      // Spools come and go while we look.
      if (systemCode(error) === "ENOENT") continue;
      throw error;
    }
    if (entry.isDirectory()) checkBelow(path, user);
  }
}

/** Writes a file so that a reader sees the old content or the new, never a part: a new file, then a rename. */
export function writeWhole(path: string, content: string, unique: string, mode = 0o600): void {
  const temporary = join(dirname(path), `.tmp.${unique}`);
  try {
    writeFileSync(temporary, content, { mode: 0o600, flag: "wx" });
    // Only now, and in spite of the umask: until it is whole nobody else reads it.
    if (mode !== 0o600) chmodSync(temporary, mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** A file's text, or `undefined` when there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** The token that every client of this home's broker shows. Made by the first one who asks. */
export function brokerToken(home: string, newId: () => string): string {
  const { token: path } = paths(home);
  for (;;) {
    const token = readIfThere(path)?.trim();
    if (token) return token;
    try {
      // Two at once: exactly one creates the file, the other reads it. An empty file is a maker that was killed.
      if (token === "") rmSync(path, { force: true });
      writeFileSync(path, `${newId()}\n`, { mode: 0o600, flag: "wx" });
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
    }
  }
}

/** What the running broker says of itself in the home. */
export interface BrokerNote {
  pid: number;
  url: string;
  version: string;
}

export function readBrokerNote(home: string): BrokerNote | undefined {
  try {
    const note: Partial<BrokerNote> = JSON.parse(readIfThere(paths(home).broker) ?? "null") ?? {};
    const { pid, url, version } = note;
    if (typeof pid === "number" && typeof url === "string" && typeof version === "string") return { pid, url, version };
  } catch {
    // Not written by us: as good as none.
  }
  return undefined;
}
