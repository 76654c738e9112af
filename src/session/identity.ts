/**
 * Which peer this session is. A record in the home ties a peer and its secret to the host process and the session id
 * that spoke for it last: the same process (its session server was restarted) or the same session id in a new process
 * (`claude --resume`) is the same peer again.
 */
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { paths, readIfThere, writeWhole } from "../home.ts";
import type { Credentials } from "../operations/operation.ts";
import { startMark, stillRuns } from "../process.ts";

export interface PeerRecord extends Credentials {
  name: string;
  session_id: string | undefined;
  claude_pid: number;
  /** When that process began: its number alone may be reused. */
  started: string;
}

export interface Identity {
  record: PeerRecord;
  /** The process that was this peer before has ended; the broker may not have noticed yet. */
  endedPid: number | undefined;
}

/** The peer that this session was before, if any. */
export function findIdentity(home: string, claudePid: number, sessionId: string | undefined): Identity | undefined {
  const records = readRecords(home);
  const started = startMark(claudePid);
  const same = records.find((record) => record.claude_pid === claudePid && record.started === started);
  if (same) return { record: same, endedPid: undefined };
  if (sessionId === undefined) return undefined;
  const resumed = records.find((record) => record.session_id === sessionId);
  // Two live sessions are never one peer.
  if (!resumed || stillRuns(resumed.claude_pid, resumed.started)) return undefined;
  return { record: resumed, endedPid: resumed.claude_pid };
}

function readRecords(home: string): PeerRecord[] {
  const { peers } = paths(home);
  return readdirSync(peers)
    .filter((name) => name.endsWith(".json") && !name.startsWith("."))
    .map((name) => readRecord(join(peers, name)))
    .filter((record) => record !== undefined);
}

function readRecord(path: string): PeerRecord | undefined {
  let record: Partial<PeerRecord>;
  try {
    record = JSON.parse(readIfThere(path) ?? "null") ?? {};
  } catch {
    return undefined;
  }
  const { peer_id, secret, name, session_id, claude_pid, started } = record;
  if (typeof peer_id !== "string" || typeof secret !== "string" || typeof name !== "string") return undefined;
  if (typeof claude_pid !== "number" || typeof started !== "string") return undefined;
  return {
    peer_id,
    secret,
    name,
    claude_pid,
    started,
    session_id: typeof session_id === "string" ? session_id : undefined,
  };
}

/** The host keeps conversations for 30 days; what was not resumed by then cannot be. */
const KEEP_MS = 35 * 24 * 3_600_000;

/** Forgets peers whose conversation cannot be resumed any more, so that looking for one stays cheap. */
export function forgetOld(home: string, now: number): void {
  const { peers } = paths(home);
  for (const name of readdirSync(peers)) {
    const path = join(peers, name);
    const record = readRecord(path);
    const lives = record !== undefined && stillRuns(record.claude_pid, record.started);
    if (!lives && now - statSync(path).mtimeMs > KEEP_MS) rmSync(path, { force: true });
  }
}

/** Keeps the record, and tells hooks and status line (`pidmaps/<pid>`: id, space, name) who this host process is. */
export function saveIdentity(home: string, record: PeerRecord, newId: () => string): void {
  const place = paths(home);
  writeWhole(place.peer(record.peer_id), `${JSON.stringify(record)}\n`, newId());
  writeWhole(place.pidmap(record.claude_pid), `${record.peer_id} ${record.name}\n`, newId());
}
