/** Finding what a caller names: peers and pools, by name or the beginning of an id. Exact, or refused with the candidates. */
import { CctError } from "../errors.ts";
import { resolvePeer, resolvePool, shortId } from "../rules/address.ts";
import { type Live, sightOf } from "../rules/pools.ts";
import { isLive } from "../rules/presence.ts";
import { findByNameOrPrefix, findPeers, listPeers, type Peer } from "../store/peers.ts";
import { findPools, listPools, type PoolRow } from "../store/pools.ts";
import type { Sql } from "../store/store.ts";
import type { Caller } from "./operation.ts";

export async function peerNamed(sql: Sql, ref: string): Promise<Peer> {
  const wanted = ref.trim();
  const candidates = await findByNameOrPrefix(sql, wanted);
  // Only for the error's text is the whole list worth reading.
  return resolvePeer(wanted, candidates.length > 0 ? candidates : await listPeers(sql));
}

/** Who looks, as the rules name them: nobody's id is the operator's. */
export const viewerOf = (caller: Caller): string | undefined =>
  caller.kind === "peer" ? caller.peer.peer_id : undefined;

/**
 * The pool of that name or id, with or without its `@`: the active one, else an archived one, of a member's own if there is a
 * choice. One that is hidden from the caller is to it as if it did not exist, in the error's text, too.
 */
export async function poolNamed(sql: Sql, ref: string, caller: Caller): Promise<PoolRow> {
  const wanted = ref.trim().replace(/^@/, "");
  const me = viewerOf(caller);
  const seen = (pools: readonly PoolRow[]): PoolRow[] => pools.filter((pool) => sightOf(pool, me) !== "hidden");
  const candidates = seen(await findPools(sql, wanted));
  return resolvePool(wanted, candidates.length > 0 ? candidates : seen(await listPools(sql, false)), me);
}

/** A pool's members and perhaps others as peers, and who of them lives. */
export async function peopleOf(
  sql: Sql,
  pool: Pick<PoolRow, "members">,
  now: number,
  ...more: readonly Peer[]
): Promise<{ peer(peerId: string): Peer | undefined; live: Live }> {
  const ids = pool.members.map((member) => member.peer_id);
  const peers = new Map([...(await findPeers(sql, ids)), ...more].map((peer) => [peer.peer_id, peer]));
  return {
    peer: (peerId) => peers.get(peerId),
    live(peerId) {
      const peer = peers.get(peerId);
      return peer !== undefined && isLive(peer, now);
    },
  };
}

/** How a caller is called in what the broker reports. */
export function callerName(caller: Caller): string {
  return caller.kind === "peer" ? `${caller.peer.name} (peer ${shortId(caller.peer.peer_id)})` : "the operator";
}

/** A member by name or id; for anybody else's the error names who is a member. */
export function memberNamed<M extends { peer_id: string; name: string }>(
  pool: string,
  members: readonly M[],
  ref: string,
): M {
  try {
    return resolvePeer(ref.trim(), members);
  } catch (error) {
    if (!(error instanceof CctError) || error.code !== "not_found") throw error;
    const names = members.map((member) => member.name).join(", ") || "none";
    throw new CctError("not_found", `'${ref.slice(0, 80)}' is not a member of @${pool}.`, `Members: ${names}.`);
  }
}
