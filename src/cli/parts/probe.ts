/** The probe of `cct doctor`: a message that takes the way of all mail, and leaves nothing behind. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../client/client.ts";
import { localClient } from "../../client/local.ts";
import type { Config } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { paths } from "../../platform/home.ts";
import type { World } from "../../platform/world.ts";
import { readRecord } from "./actor.ts";
import { type StandIn, standIn } from "./standin.ts";

/**
 * Sends a message through broker, session server, spool and hook, and measures it. The operator sends it, or, when the
 * broker is on another machine, a second session.
 */
export async function probe(world: World, config: Config): Promise<[found: string, short: string]> {
  const folder = mkdtempSync(join(tmpdir(), "cct-probe-"));
  const client = localClient(config, world);
  const started: StandIn[] = [];
  const probes: [StandIn, string][] = [];
  async function begin(name: string): Promise<{ session: StandIn; peer_id: string }> {
    const session = standIn(world, config.home, name, folder);
    started.push(session);
    await session.ready;
    await session.hook("SessionStart", { source: "startup" });
    const { peers } = (await session.call("cct_list_peers", {})) as { peers: { peer_id: string; you: boolean }[] };
    const me = peers.find((peer) => peer.you);
    if (!me) throw new CctError("internal", "the probe's session is not among the peers.");
    probes.push([session, me.peer_id]);
    return { session, peer_id: me.peer_id };
  }
  /** A probe does not return, so nothing of it stays: no peer that is away, and no message in the history. */
  async function forget({ pid }: StandIn, peer_id: string): Promise<void> {
    const { peer, pidmap, spool, flag } = paths(config.home);
    const record = readRecord(config.home, peer_id);
    if (record) await client.call("unregister", { host_pid: record.host_pid, ends: true }, record);
    await withoutMessages(client, peer_id);
    for (const path of [peer(peer_id), pidmap(pid), spool(pid), flag(pid)])
      rmSync(path, { recursive: true, force: true });
  }
  try {
    try {
      const { session, peer_id } = await begin("cct-doctor");
      const word = world.newId();
      const message = { to: peer_id, text: `probe ${word}`, expires_in_seconds: 60 };
      const other = config.broker === undefined ? undefined : (await begin("cct-doctor-sends")).session;
      const began = world.steady();
      if (other) await other.call("cct_send_message", message);
      else await client.call("send_message", message);
      await session.mailArrived();
      const spooled = world.steady();
      const { stdout } = await session.hook("PreToolUse", { tool_name: "Bash", tool_input: {} });
      if (!stdout.includes(word))
        throw new CctError("internal", "the hook did not show the probe message.", "Is bash on PATH?");
      await session.hook("Stop");
      const [toSpool, toModel] = [spooled - began, world.steady() - spooled];
      return [
        `a message went through broker, spool (${toSpool.toFixed(1)} ms) and hook (${toModel.toFixed(0)} ms)`,
        `a message arrived in ${(toSpool + toModel).toFixed(0)} ms`,
      ];
    } finally {
      for (const session of started) await session.end();
      for (const [session, peer_id] of probes) await forget(session, peer_id);
    }
  } finally {
    client.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Deletes what the probe sent or received. A token that may not delete leaves it to the end of the history. */
async function withoutMessages(client: Client, peer_id: string): Promise<void> {
  try {
    await client.call("purge_messages", { with: peer_id, unread: true });
  } catch (error) {
    if (!(error instanceof CctError) || error.code !== "forbidden") throw error;
  }
}
