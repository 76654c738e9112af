/**
 * Records of this machine's peers, one file each in the home. A record has a peer's secret, the host process that is or was
 * the peer, and its conversations. `rules/identity.ts` decides which peer a session becomes.
 */
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Credentials } from "../operations/core/identity.ts";
import { errorLine } from "../platform/errors.ts";
import { readTrusted, writeWhole } from "../platform/files.ts";
import { paths } from "../platform/home.ts";
import { stillRuns } from "../platform/process.ts";
import type { ConversationRecord } from "../rules/identity.ts";

export interface PeerRecord extends Credentials, ConversationRecord {
  name: string;
  /** Of the host. */
  host_pid: number;
  /** Start mark of that process, because pids are reused. Empty: the process is another peer now. */
  started: string;
  /** The machine of that process, which a home on a network file system shares with others. */
  host?: string;
  /** The name was given on purpose. */
  seat: boolean;
  /** Nobody becomes it again when its process has ended: `claude -p`. */
  ends?: true;
}

/** What the process id was called in records until 0.1. */
interface Former {
  claude_pid: number;
}

/** Whether the process in the record runs and is still this peer. */
export const isLive = (record: PeerRecord): boolean =>
  record.started !== "" && stillRuns(record.host_pid, record.started);

/** The host deletes conversations after 30 days, so nobody can resume them after that. */
export const KEEP_MS = 35 * 24 * 3_600_000;
/** Any session can take an empty seat, and mail may wait there. */
const KEEP_SEAT_MS = 400 * 24 * 3_600_000;
/** Reading all records must stay cheap, even if scripts start thousands of sessions a day. */
const MAX_RECORDS = 10_000;

/**
 * All usable records. The reason why one is not usable goes to `log`. Deletes records that are too old to be resumed, and the
 * oldest of too many, but never a live peer's. Their age counts from the newest one, because the clock may be wrong.
 */
export function readRecords(
  home: string,
  user: number,
  now: number,
  log: (problem: string) => void,
  maxRecords = MAX_RECORDS,
): PeerRecord[] {
  const { peers, pidmaps } = paths(home);
  const found: { path: string; modified: number; record: PeerRecord | undefined }[] = [];
  for (const name of readdirSync(peers)) {
    const path = join(peers, name);
    try {
      // A killed writer leaves a temporary file.
      const isTemporary = name.startsWith(".") || !name.endsWith(".json");
      found.push(isTemporary ? { path, modified: modifiedAt(path), record: undefined } : readRecord(path, user, log));
    } catch {
      // Another session replaced or deleted it just now.
    }
  }
  found.sort((a, b) => b.modified - a.modified);
  const newest = Math.min(now, found[0]?.modified ?? now);
  for (const [i, { path, modified, record }] of found.entries()) {
    const keep = record?.seat ? KEEP_SEAT_MS : KEEP_MS;
    if ((newest - modified > keep || i >= maxRecords) && !(record && isLive(record))) remove(path);
  }
  for (const name of readdirSync(pidmaps)) {
    const path = join(pidmaps, name);
    if (name.startsWith(".") && now - modifiedAt(path) > KEEP_MS) remove(path);
  }
  return found.map(({ record }) => record).filter((record) => record !== undefined);
}

const modifiedAt = (path: string): number => lstatSync(path).mtimeMs;

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Another session deletes it too, or nobody can. It does no harm.
  }
}

function readRecord(path: string, user: number, log: (problem: string) => void) {
  const stat = lstatSync(path);
  const entry = { path, modified: stat.mtimeMs, record: undefined };
  const unusable = (why: string) => {
    log(`${path} is not used: ${why}. Its session becomes a new peer. To stop this message, move the file away.`);
    return entry;
  };
  if (!stat.isFile()) return unusable("it is not a regular file");
  if (stat.uid !== user) return unusable(`it belongs to user ${stat.uid}`);
  if ((stat.mode & 0o077) !== 0) return unusable("other users can read or change the secret in it");
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
  let record: Partial<PeerRecord & Former>;
  try {
    record = JSON.parse(text) ?? {};
  } catch {
    return undefined;
  }
  const { peer_id, secret, name, session_id, earlier, since, claude_pid, started, host, seat, ends } = record;
  const host_pid = record.host_pid ?? claude_pid;
  if (typeof peer_id !== "string" || typeof secret !== "string" || typeof name !== "string") return undefined;
  if (typeof host_pid !== "number" || typeof started !== "string") return undefined;
  return {
    peer_id,
    secret,
    name,
    host_pid,
    started,
    session_id: typeof session_id === "string" ? session_id : undefined,
    earlier: Array.isArray(earlier) ? earlier.filter((id) => typeof id === "string") : [],
    since: typeof since === "number" ? since : 0,
    seat: seat === true,
    ...(typeof host === "string" ? { host } : {}),
    ...(ends === true ? { ends } : {}),
  };
}

/** Milliseconds since the record was saved; `Infinity` if it was not. */
export function recordAge(home: string, record: PeerRecord, now: number): number {
  const stat = lstatSync(paths(home).peer(record.peer_id), { throwIfNoEntry: false });
  return stat ? now - stat.mtimeMs : Number.POSITIVE_INFINITY;
}

export function saveRecord(home: string, record: PeerRecord, newId: () => string): void {
  // Session servers that were started before an update read it too.
  const former: Former = { claude_pid: record.host_pid };
  writeWhole(paths(home).peer(record.peer_id), `${JSON.stringify({ ...record, ...former })}\n`, newId());
}

/** Saves the record, and the peer's id and name for hooks and the status line (`pidmaps/<pid of the host>`). */
export function saveIdentity(home: string, record: PeerRecord, newId: () => string): void {
  saveRecord(home, record, newId);
  writeWhole(paths(home).pidmap(record.host_pid), `${record.peer_id} ${record.name}\n`, newId());
}

/** Removes the record of a peer that has ended for good. `isOurs`: its process is this session's host. */
export function removeRecord(home: string, record: PeerRecord, isOurs: boolean): void {
  remove(paths(home).peer(record.peer_id));
  // Another process may have the pid by now.
  if (isOurs) remove(paths(home).pidmap(record.host_pid));
}
