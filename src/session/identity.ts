/**
 * What this machine keeps of its peers. A record in the home ties a peer and its secret to the host process that speaks
 * for it (or did so last) and to its conversations. The rules say who becomes whom (`rules/identity.ts`).
 */
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Credentials } from "../operations/core/identity.ts";
import { errorLine } from "../platform/errors.ts";
import { paths, readTrusted, writeWhole } from "../platform/home.ts";
import { stillRuns } from "../platform/process.ts";
import type { ConversationRecord } from "../rules/identity.ts";

export interface PeerRecord extends Credentials, ConversationRecord {
  name: string;
  claude_pid: number;
  /** When that process began: its number alone may be reused. Empty: the process lives on as another peer. */
  started: string;
}

/** Whether the process that the record names runs, and is this peer. */
export const lives = (record: PeerRecord): boolean =>
  record.started !== "" && stillRuns(record.claude_pid, record.started);

/** The host keeps conversations for 30 days; what was not resumed by then cannot be. */
const KEEP_MS = 35 * 24 * 3_600_000;
/** So that looking for one stays cheap, whoever starts thousands of sessions a day. */
const KEEP_FILES = 10_000;

/**
 * All records that can be used. One that cannot is passed over, and `say` is told why. What is too old to be resumed is
 * forgotten on the way, and of very many the oldest; never a live peer's.
 */
export function readRecords(
  home: string,
  user: number,
  now: number,
  say: (problem: string) => void,
  keepFiles = KEEP_FILES,
): PeerRecord[] {
  const { peers, pidmaps } = paths(home);
  const found: { path: string; modified: number; record: PeerRecord | undefined }[] = [];
  for (const name of readdirSync(peers)) {
    const path = join(peers, name);
    try {
      // A writer that was killed leaves its unfinished file.
      const unfinished = name.startsWith(".") || !name.endsWith(".json");
      found.push(unfinished ? { path, modified: modifiedAt(path), record: undefined } : readRecord(path, user, say));
    } catch {
      // Just written anew, or forgotten by another session.
    }
  }
  found.sort((a, b) => b.modified - a.modified);
  for (const [i, { path, modified, record }] of found.entries()) {
    if ((now - modified > KEEP_MS || i >= keepFiles) && !(record && lives(record))) forget(path);
  }
  for (const name of readdirSync(pidmaps)) {
    const path = join(pidmaps, name);
    if (name.startsWith(".") && now - modifiedAt(path) > KEEP_MS) forget(path);
  }
  return found.map(({ record }) => record).filter((record) => record !== undefined);
}

const modifiedAt = (path: string): number => lstatSync(path).mtimeMs;

function forget(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Another session forgets it too, or nobody can: then it costs a look each time.
  }
}

function readRecord(path: string, user: number, say: (problem: string) => void) {
  const stat = lstatSync(path);
  const entry = { path, modified: stat.mtimeMs, record: undefined };
  const unusable = (why: string) => {
    say(`${path} is not used: ${why}. Whoever it was is a new peer now; move the file away to be rid of this note.`);
    return entry;
  };
  if (!stat.isFile()) return unusable("it is not a plain file");
  if (stat.uid !== user) return unusable(`it belongs to user ${stat.uid}`);
  if ((stat.mode & 0o077) !== 0) return unusable("others than you could read or change its secret");
  let text: string;
  try {
    text = readTrusted(path) ?? "";
  } catch (error) {
    return unusable(errorLine(error));
  }
  const record = parseRecord(text);
  return record ? { ...entry, record } : unusable("it is damaged");
}

function parseRecord(text: string): PeerRecord | undefined {
  let record: Partial<PeerRecord>;
  try {
    record = JSON.parse(text) ?? {};
  } catch {
    return undefined;
  }
  const { peer_id, secret, name, session_id, earlier, since, claude_pid, started } = record;
  if (typeof peer_id !== "string" || typeof secret !== "string" || typeof name !== "string") return undefined;
  if (typeof claude_pid !== "number" || typeof started !== "string") return undefined;
  return {
    peer_id,
    secret,
    name,
    claude_pid,
    started,
    session_id: typeof session_id === "string" ? session_id : undefined,
    earlier: Array.isArray(earlier) ? earlier.filter((id) => typeof id === "string") : [],
    since: typeof since === "number" ? since : 0,
  };
}

/** How long ago the record was saved, in milliseconds; `Infinity` when there is none. */
export function recordAge(home: string, record: PeerRecord, now: number): number {
  const stat = lstatSync(paths(home).peer(record.peer_id), { throwIfNoEntry: false });
  return stat ? now - stat.mtimeMs : Number.POSITIVE_INFINITY;
}

/** Keeps the record. */
export function saveRecord(home: string, record: PeerRecord, newId: () => string): void {
  writeWhole(paths(home).peer(record.peer_id), `${JSON.stringify(record)}\n`, newId());
}

/** Keeps the record, and tells hooks and status line (`pidmaps/<pid>`: id, space, name) who this host process is. */
export function saveIdentity(home: string, record: PeerRecord, newId: () => string): void {
  saveRecord(home, record, newId);
  writeWhole(paths(home).pidmap(record.claude_pid), `${record.peer_id} ${record.name}\n`, newId());
}
