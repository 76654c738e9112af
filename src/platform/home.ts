/**
 * The home (`~/.cct`): where things lie in it, and the checks that make it ours alone. Directories are 0700, files 0600;
 * wider modes are mended, a symbolic link or a foreign owner is refused.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CctError, systemCode } from "./errors.ts";

export const paths = (home: string) => ({
  database: join(home, "cct.db"),
  /** Held by the broker of a home whose messages are in another database. */
  lock: join(home, "broker.lock"),
  installLock: join(home, "install.lock"),
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
    // Before anything is made: root in another's HOME leaves nothing there.
    checkWay(dirname(home), user);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const wasOpen = check(home, user);
    const { spools, pidmaps, flags, peers, logs, outboxes } = paths(home);
    const folders = [spools, pidmaps, flags, peers, logs, outboxes];
    for (const folder of folders) mkdirSync(folder, { mode: 0o700, recursive: true });
    for (const folder of folders) check(folder, user);
    // Whoever could write there may have left anything.
    if (deep || wasOpen) checkBelow(home, user);
  } catch (error) {
    if (error instanceof CctError) throw error;
    throw new CctError(
      "store_failed",
      `The home ${home} cannot be used (${systemCode(error) ?? error}).`,
      "Make it writable for you, or set CCT_HOME to a folder that is.",
    );
  }
}

/**
 * Refuses a way on which another user could put a home of his own in the place of ours: a folder of his, a link of his,
 * or a folder that others write in, unless it is sticky. The group that is a user's alone, and root's, are not others.
 */
function checkWay(folder: string, user: number): void {
  if (process.platform === "win32") return;
  const above = dirname(folder);
  if (above !== folder) checkWay(above, user);
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (!stat) return;
  if (stat.uid !== user && stat.uid !== 0 && !isUnmapped(stat.uid)) {
    throw new CctError(
      "forbidden",
      `${folder} belongs to user ${stat.uid}, who could replace what user ${user} keeps in it.`,
      "Run CCT as the user whose HOME it is (with sudo: sudo -H), or set CCT_HOME to a folder below one of your own.",
    );
  }
  if (stat.isSymbolicLink()) {
    // Throws when it leads in a circle.
    realpathSync(folder);
    checkWay(resolve(above, readlinkSync(folder)), user);
    return;
  }
  const byGroup = (stat.mode & 0o020) !== 0 && stat.gid !== 0 && stat.gid !== user;
  if (((stat.mode & 0o002) !== 0 || byGroup) && (stat.mode & 0o1000) === 0) {
    throw new CctError(
      "forbidden",
      `Others can write in ${folder}, and so replace what you keep in it.`,
      "Take that right from them (chmod go-w), or set CCT_HOME to a folder elsewhere.",
    );
  }
}

/** In a sandbox whose user namespace knows few users, the others' files seem to be nobody's: of them nothing is known. */
function isUnmapped(uid: number): boolean {
  if (process.platform !== "linux" || uid !== 65534) return false;
  const ranges = readFileSync("/proc/self/uid_map", "utf8").trim().split("\n");
  return !ranges.some((range) => {
    const [first = 0, , count = 0] = range.trim().split(/\s+/).map(Number);
    return uid >= first && uid < first + count;
  });
}

/** Makes a folder in the home if need be, and sees to it that it is ours alone. */
export function ownFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  check(path, currentUser());
}

/** Asked of the system, and not handed on: so no reader of a secret can do without. */
const currentUser = (): number => process.geteuid?.() ?? 0;

/** Whether a file is one that only we can have made: plain, ours, no link. */
export const isPlainAndOurs = (stat: Stats): boolean => stat.isFile() && stat.uid === currentUser();

/** Refuses what is not plainly ours, and mends a mode that lets others in. Answers whether others could write to it. */
function check(path: string, user: number): boolean {
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
  return (stat.mode & 0o022) !== 0;
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
    // Made by us or not at all: nothing that somebody put in the way is written to, no link is followed.
    const file = openSync(temporary, "wx", 0o600);
    try {
      writeFileSync(file, content);
      // Only now, and in spite of the umask: until it is whole nobody else reads it.
      if (mode !== 0o600) fchmodSync(file, mode);
    } finally {
      closeSync(file);
    }
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

/**
 * The text of a file of the home that we act upon; `undefined` when there is none. One that another user can have put there
 * is refused: a token that he knows, or a note that leads us to his port. Looked at when it is open, so that nobody changes
 * it in between; a pipe does not hold us up.
 */
export function readTrusted(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    // What O_NOFOLLOW says of a link, and the system of a socket.
    if (["ELOOP", "EMLINK", "ENXIO", "EOPNOTSUPP"].includes(systemCode(error) ?? "")) throw notOurs(path);
    throw error;
  }
  try {
    const stat = fstatSync(file);
    if (!isPlainAndOurs(stat)) throw notOurs(path);
    if ((stat.mode & 0o077) !== 0) fchmodSync(file, 0o600);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

function notOurs(path: string): CctError {
  return new CctError(
    "forbidden",
    `${path} is a symbolic link, or no plain file of yours.`,
    "CCT does not trust what another user may have put there: look at it, and move it away.",
  );
}

/** The token of this home's broker; `undefined` when none has been made. */
export const readToken = (home: string): string | undefined => readTrusted(paths(home).token)?.trim();

/** The token that every client of this home's broker shows. Made by the first one who asks. */
export function brokerToken(home: string, newId: () => string): string {
  const { token: path } = paths(home);
  for (;;) {
    const token = readToken(home);
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
  /** When that process began. Its number alone may be another's by now, and its port as well. */
  began: string;
  url: string;
  version: string;
}

export function readBrokerNote(home: string): BrokerNote | undefined {
  try {
    const note: Partial<BrokerNote> = JSON.parse(readTrusted(paths(home).broker) ?? "null") ?? {};
    const { pid, began, url, version } = note;
    if (typeof pid !== "number" || typeof began !== "string") return undefined;
    if (typeof url === "string" && typeof version === "string") return { pid, began, url, version };
  } catch {
    // Not written by us: as good as none.
  }
  return undefined;
}
