/**
 * As whom a command acts. In the shell of a session it is that session: what a model types must not pass for a person's
 * word. `--as <peer>`: the person acts for a session of this machine. Else it is the operator.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Credentials } from "../../operations/core/identity.ts";
import type { Config } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { paths, readTrusted } from "../../platform/home.ts";
import { startMark } from "../../platform/process.ts";
import type { World } from "../../platform/world.ts";

/** Credentials of the peer that the command acts as; `undefined`: the operator. Throws for an `as` that is not known here. */
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
      `${as.name} is no session of this machine and user; the command cannot act for it.`,
      "Run it where that session runs.",
    );
  }
  const pid = Number(world.env.CLAUDE_PID ?? "");
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const [peerId = ""] = (readTrusted(paths(config.home).pidmap(pid)) ?? "").split(/\s/);
  const record = peerId ? readRecord(config.home, peerId) : undefined;
  // A note of another process that had that number says nothing about us.
  return record && record.claude_pid === pid && record.started === startMark(pid) ? record : undefined;
}

/** The sessions of this machine and user, for when no broker can be asked. */
export function peersHere(home: string): { peer_id: string; name: string }[] {
  const ids = readdirSync(paths(home).peers).flatMap((file) => /^([0-9a-f]{32})\.json$/.exec(file)?.[1] ?? []);
  return ids.flatMap((peer_id) => readRecord(home, peer_id) ?? []);
}

function readRecord(
  home: string,
  peerId: string,
): (Credentials & { name: string; claude_pid: number; started: string }) | undefined {
  if (!/^[0-9a-f]{32}$/.test(peerId)) return undefined;
  try {
    const { peer_id, secret, name, claude_pid, started } = JSON.parse(
      readTrusted(join(paths(home).peers, `${peerId}.json`)) ?? "{}",
    );
    if (typeof secret !== "string" || peer_id !== peerId) return undefined;
    return { peer_id, secret, name: String(name), claude_pid, started };
  } catch {
    return undefined;
  }
}
