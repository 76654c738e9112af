/**
 * The home directory (`~/.cct`): its paths, and the checks that only its user can read or write it. Directories have mode
 * 0700 and files 0600; wider modes are corrected, symbolic links and other owners are refused.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CctError, systemCode } from "./errors.ts";
import { currentUser, readTrusted } from "./files.ts";

const pathsIn = (home: string) => {
  const at = (name: string) => join(home, name);
  const [spools, pidmaps, flags] = [at("spool"), at("pidmaps"), at("flags")];
  const [peers, outboxes] = [at("peers"), at("outbox")];
  return {
    database: at("cct.db"),
    /** A backup that is about to replace the database. */
    restoring: at("cct.db.restoring"),
    /** Locked by the broker if its database is not the home's own file. */
    lock: at("broker.lock"),
    installLock: at("install.lock"),
    /** Hosts that the user was asked about: `cct up` asks once. */
    installAsked: at("install.asked"),
    /** Held while `config.json` is changed. */
    configLock: at("config.lock"),
    token: at("token"),
    /** The broker's certificate for other machines, and its key. */
    cert: at("broker.crt"),
    key: at("broker.key"),
    /** Leads a browser to the page, with a code that works once. */
    openPage: at("open.html"),
    /** Tells clients where the broker is. A killed broker leaves it behind. */
    broker: at("broker.json"),
    logs: at("log"),
    spools,
    /** By what names a session: the host's process id. */
    spool: (key: number) => `${spools}/${key}`,
    pidmaps,
    pidmap: (hostPid: number) => `${pidmaps}/${hostPid}`,
    /** Content of status lines, by the host's process id. */
    flags,
    flag: (hostPid: number) => `${flags}/${hostPid}`,
    peers,
    peer: (peerId: string) => `${peers}/${peerId}.json`,
    /** Messages that could not be sent, by the sender's peer_id. */
    outboxes,
    outbox: (peerId: string) => `${outboxes}/${peerId}`,
  };
};

let known: { home: string; at: ReturnType<typeof pathsIn> } | undefined;

/** Kept for the home that a process works with: to join paths at each call makes V8 optimize `join`, for 0.6 MiB per session. */
export function paths(home: string): ReturnType<typeof pathsIn> {
  if (known?.home !== home) known = { home, at: pathsIn(home) };
  return known.at;
}

/** Names at the top of a home that CCT creates. */
const OWN_NAME =
  /^(\.tmp\..+|cct\.db.*|(broker|install|config)\..+|open\.html|token|log|spool|pidmaps|flags|peers|outbox|hooks)$/;

/**
 * Creates the home if necessary, checks it and corrects modes. `deep`: of every file that is CCT's, not only of the top
 * directories. Refuses a folder that contains something else and was never a home.
 */
export function prepareHome(home: string, user: number, deep: boolean): void {
  try {
    // Before creating anything, so that root leaves no files in another user's HOME.
    checkParents(dirname(home), user);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    checkIsHome(home);
    const wasOpen = check(home, user);
    const { spools, pidmaps, flags, peers, logs, outboxes } = paths(home);
    const folders = [spools, pidmaps, flags, peers, logs, outboxes];
    for (const folder of folders) mkdirSync(folder, { mode: 0o700, recursive: true });
    for (const folder of folders) check(folder, user);
    // If others could write there, they may have left files.
    if (deep || wasOpen) checkBelow(home, user, OWN_NAME);
  } catch (error) {
    if (error instanceof CctError) throw error;
    throw new CctError(
      "store_failed",
      `The home ${home} cannot be used (${systemCode(error) ?? error}).`,
      "Make it writable for you, or set CCT_HOME to a folder that is.",
    );
  }
}

/** Refuses a folder in which a user keeps other things: as a home it would lose the modes that they need. */
function checkIsHome(home: string): void {
  const names = readdirSync(home);
  const foreign = names.find((name) => !OWN_NAME.test(name));
  if (foreign === undefined || names.includes("pidmaps")) return;
  throw new CctError(
    "forbidden",
    `${home} is not a CCT home: it contains '${foreign.slice(0, 80)}'.`,
    "Set CCT_HOME to a folder that is empty or does not exist yet.",
  );
}

/**
 * Refuses a path on which another user could replace the home: a folder or link that belongs to another user, or a folder
 * that others can write to, unless it is sticky. Root's group and the user's private group do not count as others.
 */
function checkParents(folder: string, user: number): void {
  if (process.platform === "win32") return;
  const above = dirname(folder);
  if (above !== folder) checkParents(above, user);
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (!stat) return;
  if (stat.uid !== user && stat.uid !== 0 && !isUnmapped(stat.uid)) {
    throw new CctError(
      "forbidden",
      `${folder} belongs to user ${stat.uid}, who could replace the files of user ${user} in it.`,
      "Run CCT as the user whose HOME it is (with sudo: sudo -H), or set CCT_HOME to a folder below one of your own.",
    );
  }
  if (stat.isSymbolicLink()) {
    // Throws if the link is circular.
    realpathSync(folder);
    checkParents(resolve(above, readlinkSync(folder)), user);
    return;
  }
  const byGroup = (stat.mode & 0o020) !== 0 && stat.gid !== 0 && stat.gid !== user;
  if (((stat.mode & 0o002) !== 0 || byGroup) && (stat.mode & 0o1000) === 0) {
    throw new CctError(
      "forbidden",
      `Others can write in ${folder}, and so replace your files there.`,
      "Remove that permission (chmod go-w), or set CCT_HOME to a folder elsewhere.",
    );
  }
}

/** In a user namespace, files of users outside it show `nobody` as their owner, so their real owner is unknown. */
function isUnmapped(uid: number): boolean {
  if (process.platform !== "linux" || uid !== 65534) return false;
  const ranges = readFileSync("/proc/self/uid_map", "utf8").trim().split("\n");
  return !ranges.some((range) => {
    const [first = 0, , count = 0] = range.trim().split(/\s+/).map(Number);
    return uid >= first && uid < first + count;
  });
}

/** Creates a folder in the home if necessary, and checks that only its user can use it. */
export function ownFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  check(path, currentUser());
}

/** Refuses a link or another owner, and corrects the mode. Returns whether others could write to it. */
function check(path: string, user: number): boolean {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) {
    throw new CctError(
      "forbidden",
      `${path} is a symbolic link.`,
      "CCT stores secrets there: replace the link with the real folder or file.",
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

function checkBelow(folder: string, user: number, names = /(?:)/): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!names.test(entry.name)) continue;
    const path = join(folder, entry.name);
    try {
      check(path, user);
    } catch (error) {
      // Spool files may disappear at any time.
      if (systemCode(error) === "ENOENT") continue;
      throw error;
    }
    if (entry.isDirectory()) checkBelow(path, user);
  }
}

/** Throws `conflict` while a backup is being put in place of the database: what is there may be incomplete. */
export function requireNoUnfinishedRestore(home: string): void {
  if (!existsSync(paths(home).restoring)) return;
  throw new CctError(
    "conflict",
    `A restore of ${home} is running, or was interrupted.`,
    "Wait for it, or run it again: cct restore <file>.",
  );
}

/**
 * The token of this home's broker; `undefined` before the first start, empty while it is being written. Throws
 * `store_failed` if the file is damaged: a short token could be guessed, and one with other characters is no header.
 */
export function readToken(home: string): string | undefined {
  const path = paths(home).token;
  const token = readTrusted(path)?.trim();
  if (!token || /^[A-Za-z0-9._~+/=-]{20,512}$/.test(token)) return token;
  throw new CctError(
    "store_failed",
    `${path} is damaged: it must contain a token of 20 to 512 letters and digits, and nothing else.`,
    "Stop the broker (cct kill), delete the file and start it again: it creates a new token.",
  );
}

/** The token that opens this home's broker. Creates it if there is none. */
export function brokerToken(home: string, newId: () => string): string {
  const { token: path } = paths(home);
  for (;;) {
    const token = readToken(home);
    if (token) return token;
    try {
      // Of two processes, one creates the file and the other reads it. An empty file is left by a killed process.
      if (token === "") rmSync(path, { force: true });
      writeFileSync(path, `${newId()}\n`, { mode: 0o600, flag: "wx" });
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
    }
  }
}

/** The broker file, `broker.json` in the home: where clients find the broker. */
export interface BrokerFile {
  pid: number;
  /** Start mark of the process: after a crash, its pid and its port may belong to another one. */
  began: string;
  url: string;
  version: string;
}

export function readBrokerFile(home: string): BrokerFile | undefined {
  try {
    const content: Partial<BrokerFile> = JSON.parse(readTrusted(paths(home).broker) ?? "null") ?? {};
    const { pid, began, url, version } = content;
    if (typeof pid !== "number" || typeof began !== "string") return undefined;
    if (typeof url === "string" && typeof version === "string") return { pid, began, url, version };
  } catch {
    // Not written by a broker.
  }
  return undefined;
}
