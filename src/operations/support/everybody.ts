/** The address `@all`. */
import { CctError } from "../../platform/errors.ts";
import { broadcastRecipients, leadOf } from "../../rules/pools.ts";
import { isLive } from "../../rules/presence.ts";
import { findPeers, openSessions, type Peer } from "../../store/peers.ts";
import { poolsEverOf } from "../../store/pools.ts";
import type { Context } from "../core/operation.ts";

/**
 * Whom `@all` means: for the operator all sessions that are there, for a lead the members of all pools that it leads. Throws
 * `forbidden` for others, whose call would cost sessions that have nothing to do with them.
 */
export async function everybody({ sql, caller, now }: Context): Promise<Peer[]> {
  if (caller.kind === "operator") return (await openSessions(sql)).filter((peer) => isLive(peer, now));
  const me = caller.kind === "peer" ? caller.peer.peer_id : "";
  const led = (await poolsEverOf(sql, me)).filter((pool) => pool.archived_at === null && leadOf(pool)?.peer_id === me);
  if (led.length === 0) {
    throw new CctError(
      "forbidden",
      "Only the operator and the leads of pools can write to @all.",
      "Write to a pool, @pool, or to a few: 'ann, bob'.",
    );
  }
  const ids = led.flatMap((pool) => broadcastRecipients(pool, me).map((member) => member.peer_id));
  return findPeers(sql, [...new Set(ids)]);
}
