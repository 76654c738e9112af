/**
 * The identity of a command. In a session's shell it is that session, because a model's words must not pass for a
 * person's. With `--as <peer>` a person acts for a session of this machine. Otherwise it is the operator.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { hosts } from "../../hosts/index.ts";
import type { Credentials } from "../../operations/core/identity.ts";
import type { Config } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { readTrusted } from "../../platform/files.ts";
import { paths } from "../../platform/home.ts";
import { parsePid, startMark, stillRuns } from "../../platform/process.ts";
import type { World } from "../../platform/world.ts";

/** Credentials of the acting peer; `undefined` for the operator. Throws for an `as` that is unknown on this machine. */
export function actor(
  world: Pick<World, "env">,
  config: Pick<Config, "home">,
  as?: { peer_id: string; name: string },
): Credentials | undefined {
  if (as) {
    const record = readRecord(config.home, as.peer_id);
    if (record) return record;
    throw new CctError(
      "not_found",
      `${as.name} is not a session of this machine and user, so the command cannot act for it.`,
      "Run it where that session runs.",
    );
  }
  const pids = hosts.flatMap(({ pidVariable }) => parsePid(pidVariable && world.env[pidVariable]) ?? []);
  const ids = hosts.flatMap(({ shellVariable }) => (shellVariable && world.env[shellVariable]) || []);
  return [...pids.map((pid) => peerOf(config.home, pid)), ...ids.map((id) => peerIn(config.home, id))].find(
    (peer) => peer !== undefined,
  );
}

/** The peer whose session runs this conversation now. */
function peerIn(home: string, conversation: string): Credentials | undefined {
  const records = peersHere(home).map(({ peer_id }) => readRecord(home, peer_id));
  return records.find((one) => one?.session_id === conversation && stillRuns(one.host_pid, one.started));
}

/** The peer that a host process is now. */
function peerOf(home: string, pid: number): Credentials | undefined {
  const [peerId = ""] = (readTrusted(paths(home).pidmap(pid)) ?? "").split(/\s/);
  const record = peerId ? readRecord(home, peerId) : undefined;
  // A record of an earlier process with the same pid does not count.
  return record && record.host_pid === pid && record.started === startMark(pid) ? record : undefined;
}

/** The sessions of this machine and user, from files, for when no broker answers. */
export function peersHere(home: string): { peer_id: string; name: string }[] {
  const ids = readdirSync(paths(home).peers).flatMap((file) => /^([0-9a-f]{32})\.json$/.exec(file)?.[1] ?? []);
  return ids.flatMap((peer_id) => readRecord(home, peer_id) ?? []);
}

/** The record of a session of this machine and user. */
export function readRecord(
  home: string,
  peerId: string,
): (Credentials & { name: string; host_pid: number; started: string; session_id?: unknown }) | undefined {
  if (!/^[0-9a-f]{32}$/.test(peerId)) return undefined;
  try {
    const { peer_id, secret, name, host_pid, claude_pid, started, session_id } = JSON.parse(
      readTrusted(join(paths(home).peers, `${peerId}.json`)) ?? "{}",
    );
    if (typeof secret !== "string" || peer_id !== peerId) return undefined;
    return { peer_id, secret, name: String(name), host_pid: host_pid ?? claude_pid, started, session_id };
  } catch {
    return undefined;
  }
}
