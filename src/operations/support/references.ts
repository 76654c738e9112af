/** Resolves references to peers and pools by exact name or id prefix. An ambiguous one is an error that lists the candidates. */
import { CctError } from "../../platform/errors.ts";
import { addressOf, resolvePeer, resolvePool, shortId, splitHost } from "../../rules/address.ts";
import { withoutAgent } from "../../rules/agents.ts";
import { isPerson } from "../../rules/names.ts";
import type { IsLive } from "../../rules/pool-lifecycle.ts";
import { leadOf, membersOf, visibilityOf } from "../../rules/pools.ts";
import { isLive } from "../../rules/presence.ts";
import {
  anyPeers,
  findByAlias,
  findByNameOrPrefix,
  findPeers,
  formerPeers,
  type Peer,
  peersOfPool,
  singleHost,
} from "../../store/peers.ts";
import { countMembers, findPool, findPools, listPools, type PoolRow } from "../../store/pools.ts";
import type { Sql } from "../../store/store.ts";
import type { Caller, Context } from "../core/operation.ts";
import type { TransactionContext } from "../core/transaction.ts";

/** As many as an error names, and one more, which says that there are others. */
const NAMED = 9;

/** Where only a peer can be meant, `@bob` is one, as in the texts of people, and so is `bob (codex)`, as in lists. */
const withoutAt = (ref: string): string => withoutAgent(ref).replace(/^@/, "");

/** A session's peer. People are only addressees: see `addresseeNamed`. The error for one that is not there names others. */
export async function peerNamed({ sql, caller }: Pick<Context, "sql" | "caller">, ref: string): Promise<Peer> {
  const wanted = withoutAt(ref);
  if (isPerson(wanted))
    throw new CctError(
      "not_found",
      `'${wanted.slice(0, 80)}' is a person, not a session.`,
      "People only get messages.",
    );
  const { name } = splitHost(wanted);
  const named = await findByNameOrPrefix(sql, name);
  const candidates = named.length > 0 ? named : await findByAlias(sql, name);
  if (candidates.length > 0) return resolvePeer(wanted, candidates);
  return resolvePeer(wanted, await anyPeers(sql, viewerOf(caller) ?? "", NAMED));
}

/** The peer with exactly this name, in any case. */
export const peerCalled = async (sql: Sql, name: string): Promise<Peer | undefined> =>
  (await findByNameOrPrefix(sql, name)).find((one) => one.name.toLowerCase() === name.toLowerCase());

/** A viewer that is in no pool: a person on another machine. */
const STRANGER = "";

/** The caller as a viewer of pools: a peer id, or `undefined` for the operator, who sees everything. */
export function viewerOf(caller: Caller): string | undefined {
  if (caller.kind === "operator") return undefined;
  return caller.kind === "peer" ? caller.peer.peer_id : STRANGER;
}

/**
 * The pool with that name or id, with or without `@`: an active one before an archived one, and the caller's own before
 * others. Pools that are hidden from the caller do not exist for it, not even in the error's text.
 */
export function poolNamed(sql: Sql, ref: string, caller: Caller): Promise<PoolRow> {
  return poolAmong(sql, ref, caller, undefined);
}

async function poolAmong(sql: Sql, ref: string, caller: Caller, only: readonly string[] | undefined): Promise<PoolRow> {
  const wanted = ref.trim().replace(/^@/, "");
  const me = viewerOf(caller);
  const seen = (pools: readonly PoolRow[]): PoolRow[] => pools.filter((pool) => visibilityOf(pool, me) !== "hidden");
  const candidates = seen(await findPools(sql, wanted, me, only));
  if (candidates.length > 0) return resolvePool(wanted, candidates, me);
  // The error names a few other pools.
  const some = await listPools(sql, { archived: false, viewer: me, after: undefined, limit: NAMED });
  return resolvePool(wanted, seen(some), me);
}

/** The peers of a pool's members, and whether they are live. */
export interface People {
  peer(peerId: string): Peer | undefined;
  live: IsLive;
}

/** Whether a peer must be taken to be live: also while its session had no time to be heard. */
export function mayBeLive(peer: Peer, { now, isConfirmed }: Pick<TransactionContext, "now" | "isConfirmed">): boolean {
  return isLive(peer, now) || (!isConfirmed && peer.presence !== "offline");
}

/** A pool and its people, as far as a change of a few memberships needs them. */
export interface PoolToChange {
  pool: PoolRow;
  people: People;
  /** The number of its members. */
  size: number;
}

/**
 * The pool of that name, for a change that concerns the caller and the peers `who`. While its lead is live and not one of those
 * who `leave`, the change depends on no other member, so only these are loaded, however many there are.
 */
export async function poolToChange(
  context: Pick<Context, "sql" | "now" | "isConfirmed" | "caller">,
  ref: string,
  who: readonly Peer[],
  leave?: Peer,
): Promise<PoolToChange> {
  const { sql, caller } = context;
  const ids = who.map((one) => one.peer_id);
  const few = await poolAmong(sql, ref, caller, ids);
  const lead = leadOf(few);
  if (lead && lead.peer_id !== leave?.peer_id) {
    const people = peopleIn(context, [...(await findPeers(sql, [lead.peer_id])), ...who]);
    if (people.live(lead.peer_id)) return { pool: few, people, size: await countMembers(sql, few.pool_id) };
  }
  const pool = (await findPool(sql, few.pool_id)) ?? few;
  return { pool, people: await peopleOf(context, pool, ...who), size: membersOf(pool).length };
}

/** Loads the peers of a pool's members, and `more`. */
export async function peopleOf(
  context: Pick<TransactionContext, "sql" | "now" | "isConfirmed">,
  pool: Pick<PoolRow, "pool_id">,
  ...more: readonly Peer[]
): Promise<People> {
  return peopleIn(context, [...(await peersOfPool(context.sql, pool.pool_id)), ...more]);
}

function peopleIn(context: Pick<TransactionContext, "now" | "isConfirmed">, all: readonly Peer[]): People {
  const peers = new Map(all.map((peer) => [peer.peer_id, peer]));
  return {
    peer: (peerId) => peers.get(peerId),
    live(peerId) {
      const peer = peers.get(peerId);
      return peer !== undefined && mayBeLive(peer, context);
    },
  };
}

/** Formats `name@host` for a peer on another machine; `undefined` for the reader's own, and for people, whose name is their address. */
export type AddressFormatter = (peer: { name: string; host: string }) => string | undefined;

/**
 * The formatter for this caller. The operator's machine is unknown: while all peers are on one machine it counts as the
 * operator's; otherwise every peer is shown with its host.
 */
export async function addressFormatter(sql: Sql, caller: Caller): Promise<AddressFormatter> {
  const from = caller.kind === "peer" ? caller.peer.host : await singleHost(sql);
  return (peer) => (peer.host === from || isPerson(peer.name) ? undefined : addressOf(peer, from));
}

/** The same for senders of messages; `undefined` for senders that are not peers. */
export async function senderAddressFormatter(
  sql: Sql,
  format: AddressFormatter,
  messages: readonly { from_id: string; from_name: string }[],
): Promise<(message: { from_id: string; from_name: string }) => string | undefined> {
  const senders = await formerPeers(sql, [...new Set(messages.map((message) => message.from_id))]);
  const hosts = new Map(senders.map((peer) => [peer.peer_id, peer.host]));
  return ({ from_id, from_name }) => {
    const host = hosts.get(from_id);
    return host === undefined ? undefined : format({ name: from_name, host });
  };
}

/** The caller's name in reports of the broker. */
export function callerName(caller: Caller): string {
  return caller.kind === "peer" ? `${caller.peer.name} (peer ${shortId(caller.peer.peer_id)})` : "the operator";
}

/** A member by name or id prefix; the error lists the members. */
export function memberNamed<M extends { peer_id: string; name: string }>(
  pool: string,
  members: readonly M[],
  ref: string,
  peer: (peerId: string) => Peer | undefined,
): M {
  try {
    const placed = members.map((member) => ({ host: peer(member.peer_id)?.host, member, ...member }));
    return resolvePeer(withoutAt(ref), placed).member;
  } catch (error) {
    if (!(error instanceof CctError) || error.code !== "not_found") throw error;
    const names = members.map((member) => member.name).join(", ") || "none";
    throw new CctError("not_found", `'${ref.slice(0, 80)}' is not a member of @${pool}.`, `Members: ${names}.`);
  }
}
