/** Finding what a caller names: peers and pools, by name or the beginning of an id. Exact, or refused with the candidates. */
import { CctError } from "../../platform/errors.ts";
import { addressOf, resolvePeer, resolvePool, shortId, splitHost } from "../../rules/address.ts";
import { type Live, sightOf } from "../../rules/pools.ts";
import { isLive } from "../../rules/presence.ts";
import { findByNameOrPrefix, findPeers, onlyHost, type Peer, somePeers } from "../../store/peers.ts";
import { findPools, listPools, type PoolRow } from "../../store/pools.ts";
import type { Sql } from "../../store/store.ts";
import type { Caller } from "../core/operation.ts";

export async function peerNamed(sql: Sql, ref: string): Promise<Peer> {
  const wanted = ref.trim();
  const candidates = await findByNameOrPrefix(sql, splitHost(wanted).name);
  // Only for the error's text are others worth reading, which names a few.
  return resolvePeer(wanted, candidates.length > 0 ? candidates : await somePeers(sql, 9));
}

/** Who is in no pool: a person at another machine. */
const STRANGER = "";

/** Who looks, as the rules name them: no id is the operator, who sees all. */
export function viewerOf(caller: Caller): string | undefined {
  if (caller.kind === "operator") return undefined;
  return caller.kind === "peer" ? caller.peer.peer_id : STRANGER;
}

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

/** The peers of a pool's members, and who of them lives. */
export interface People {
  peer(peerId: string): Peer | undefined;
  live: Live;
}

/** A pool's members and perhaps others as peers, and who of them lives. */
export async function peopleOf(
  sql: Sql,
  pool: Pick<PoolRow, "members">,
  now: number,
  ...more: readonly Peer[]
): Promise<People> {
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

/** `name@host` of a peer, or of a row with a peer's name and machine; `undefined` for who is on the same machine. */
export type AddressFormatter = (peer: { name: string; host: string }) => string | undefined;

/**
 * A peer calls those of its own machine by name, all others `name@host`. Where the operator sits is not known: as long as all
 * peers are of one machine it is taken for the operator's, and as soon as they are not every peer is called with its host.
 */
export async function addressFormatter(sql: Sql, caller: Caller): Promise<AddressFormatter> {
  const from = caller.kind === "peer" ? caller.peer.host : await onlyHost(sql);
  return (peer) => (peer.host === from ? undefined : addressOf(peer, from));
}

/** The same for the senders of messages. `undefined` for those that are no peer. */
export async function senderAddressFormatter(
  sql: Sql,
  call: AddressFormatter,
  messages: readonly { from_id: string; from_name: string }[],
): Promise<(message: { from_id: string; from_name: string }) => string | undefined> {
  const senders = await findPeers(sql, [...new Set(messages.map((message) => message.from_id))]);
  const hosts = new Map(senders.map((peer) => [peer.peer_id, peer.host]));
  return ({ from_id, from_name }) => {
    const host = hosts.get(from_id);
    return host === undefined ? undefined : call({ name: from_name, host });
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
  peer: (peerId: string) => Peer | undefined,
): M {
  try {
    const placed = members.map((member) => ({ ...member, host: peer(member.peer_id)?.host, member }));
    return resolvePeer(ref.trim(), placed).member;
  } catch (error) {
    if (!(error instanceof CctError) || error.code !== "not_found") throw error;
    const names = members.map((member) => member.name).join(", ") || "none";
    throw new CctError("not_found", `'${ref.slice(0, 80)}' is not a member of @${pool}.`, `Members: ${names}.`);
  }
}
