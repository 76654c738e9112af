/**
 * Parses addresses and resolves references: `name` or `peer_id` prefix (direct), `@pool` (broadcast), `@pool/peer` (one
 * member of a pool). `name@host` also checks the machine. It is optional because names are unique at a broker.
 */
import { CctError } from "../platform/errors.ts";
import { withoutAgent } from "./agents.ts";

export type Address =
  | { kind: "peer"; peer: string }
  | { kind: "pool"; pool: string }
  | { kind: "pool_peer"; pool: string; peer: string };

/** A peer, as far as resolving a reference needs it. */
export interface Addressable {
  peer_id: string;
  name: string;
  host?: string | undefined;
  /** What its host calls it, in lower case. */
  alias?: string | null | undefined;
}

/** A peer's address as seen from the machine `from`: `name` on the same machine, otherwise (or without `from`) `name@host`. */
export function addressOf({ name, host }: { name: string; host: string }, from: string | undefined): string {
  return host === from ? name : `${name}@${host}`;
}

/** Splits `name@host`. The host is in lower case, `undefined` when there is none. */
export function splitHost(ref: string): { name: string; host: string | undefined } {
  const [name = "", host] = ref.split("@", 2);
  return { name, host: host?.toLowerCase() };
}

/** Minimum length of an id prefix in a reference, and the length that listings and the status line show. */
export const SHORT_ID = 4;

export const shortId = (peerId: string): string => peerId.slice(0, SHORT_ID);

/** Minimum length of a reference to a message. */
const MIN_MESSAGE_REF = 6;
/** The last digits of a UUID: they are random. The first ones of a UUIDv7 are the time, the same for all of one minute. */
const UUID_TAIL = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}([0-9a-f]{8})$/;

export const isUuid = (id: string): boolean => UUID_TAIL.test(id);

/**
 * A message's id as it is shown: the last eight digits of a UUID, any other id whole. Where that means more than one of
 * `among` (the ids shown together with it), the whole id.
 */
export function shortMessageId(id: string, among: readonly string[] = []): string {
  const [, tail] = UUID_TAIL.exec(id) ?? [];
  return tail === undefined || among.some((other) => other !== id && fitsMessage(tail, other)) ? id : tail;
}

/** Whether a reference means this message: its id, or at least six characters from the beginning of its id or short id. */
function fitsMessage(ref: string, id: string): boolean {
  if (ref === id) return true;
  if (ref.length < MIN_MESSAGE_REF) return false;
  const wanted = ref.toLowerCase();
  const [, tail] = UUID_TAIL.exec(id) ?? [];
  return tail === undefined ? id.startsWith(ref) : tail.startsWith(wanted) || id.startsWith(wanted);
}

/** Resolves a reference among message ids; `undefined` when none fits. It never guesses: throws `ambiguous` with the candidates. */
export function resolveMessage(ref: string, ids: readonly string[]): string | undefined {
  if (ids.includes(ref)) return ref;
  const [only, ...others] = [...new Set(ids)].filter((id) => fitsMessage(ref, id));
  if (only === undefined || others.length === 0) return only;
  const all = [only, ...others];
  throw new CctError(
    "ambiguous",
    `'${ref.slice(0, 80)}' matches ${all.length} messages: ${all.slice(0, 8).join(", ")}${all.length > 8 ? " …" : ""}.`,
    "Use more characters of the id, or all of it.",
  );
}

/**
 * The things that a reference means: `named`, those with that name, and those whose id starts with it. New names never look
 * like ids (`rules/names.ts`), but where one does, neither reading wins: the reference is ambiguous.
 */
export function fitting<T>(ref: string, named: readonly T[], things: readonly T[], idOf: (thing: T) => string): T[] {
  const wanted = ref.toLowerCase();
  const byId = wanted.length < SHORT_ID ? [] : things.filter((thing) => idOf(thing).startsWith(wanted));
  return [...new Set([...named, ...byId])];
}

/** Parses an address. Throws `bad_request` if it is malformed. */
export function parseAddress(text: string): Address {
  const to = withoutAgent(text);
  const match = /^(?:@([^@/\s]+)(?:\/([^@/\s]+(?:@[^@/\s]+)?))?|([^@/\s]+(?:@[^@/\s]+)?))$/.exec(to);
  if (!match) {
    throw new CctError(
      "bad_request",
      `'${to.slice(0, 80)}' is not an address.`,
      "Use a peer's name (or name@host) or the first 4 or more characters of its id, @pool, or @pool/peer.",
    );
  }
  const [, pool, member, peer] = match;
  if (peer !== undefined) return { kind: "peer", peer };
  if (pool !== undefined && member !== undefined) return { kind: "pool_peer", pool, peer: member };
  return { kind: "pool", pool: pool ?? "" };
}

/**
 * Resolves a reference to a peer: an exact name (case-insensitive) or an id prefix of at least four characters; with
 * `@host` only on that machine. It never guesses: throws `not_found`, or `ambiguous` with the candidates.
 */
export function resolvePeer<P extends Addressable>(ref: string, everyone: readonly P[]): P {
  const { name, host } = splitHost(ref);
  const wanted = name.toLowerCase();
  const peers = host === undefined ? everyone : everyone.filter((peer) => peer.host?.toLowerCase() === host);
  const named = peers.filter((peer) => peer.name.toLowerCase() === wanted);
  const fit = fitting(wanted, named, peers, (peer) => peer.peer_id);
  // A peer's own name counts before what hosts call others.
  const hits = fit.length > 0 ? fit : peers.filter((peer) => peer.alias === wanted);
  const [only] = hits;
  if (only && hits.length === 1) return only;
  if (hits.length > 1) {
    throw new CctError(
      "ambiguous",
      `'${ref.slice(0, 80)}' matches ${hits.length} peers: ${list(hits)}.`,
      "Use another name, or more characters of the id.",
    );
  }
  const elsewhere = everyone.filter((peer) => peer.name.toLowerCase() === wanted);
  const known = elsewhere.length
    ? `That name is on another machine: ${list(elsewhere)}.`
    : everyone.length
      ? `Known peers: ${list(everyone)}.`
      : "No other peer is registered.";
  throw new CctError("not_found", `There is no peer '${ref.slice(0, 80)}'.`, `${known} See list_peers.`);
}

/** A pool, as far as resolving a reference needs it. */
export interface PoolReferable {
  pool_id: string;
  name: string;
  archived_at: number | null;
  members: readonly { peer_id: string; left_at?: number | null }[];
}

/**
 * Resolves a reference to a pool: the active pool with that name, otherwise an archived one; or an id prefix of at least
 * four characters. Private pools can share a name: then the pools of `peerId` win. It never guesses: throws `not_found`, or
 * `ambiguous` with the candidates.
 */
export function resolvePool<P extends PoolReferable>(ref: string, pools: readonly P[], peerId: string | undefined): P {
  const wanted = ref.toLowerCase();
  const named = pools.filter((pool) => pool.name.toLowerCase() === wanted);
  const active = named.filter((pool) => pool.archived_at === null);
  const known = active.length > 0 ? active : named;
  const isOwn = (member: { peer_id: string; left_at?: number | null }): boolean =>
    member.peer_id === peerId && (active.length === 0 || (member.left_at ?? null) === null);
  const own = known.filter((pool) => pool.members.some(isOwn));
  const byName = own.length > 0 ? own : known;
  const hits = fitting(wanted, byName, pools, (pool) => pool.pool_id);
  const [only] = hits;
  if (only && hits.length === 1) return only;
  if (hits.length > 1) {
    const all = hits.slice(0, 8).map((pool) => `@${pool.name} (${pool.pool_id.slice(0, 8)})`);
    throw new CctError(
      "ambiguous",
      `'${ref.slice(0, 80)}' matches ${hits.length} pools: ${all.join(", ")}${hits.length > 8 ? " …" : ""}.`,
      "Use the id, or more characters of it.",
    );
  }
  const names = pools.slice(0, 8).map((pool) => `@${pool.name}`);
  const listed = names.length
    ? `Active pools: ${names.join(", ")}${pools.length > 8 ? " …" : ""}.`
    : "No pool is active.";
  throw new CctError("not_found", `There is no pool '@${ref.slice(0, 80)}'.`, `${listed} See list_pools.`);
}

function list(peers: readonly Addressable[]): string {
  const called = ({ name, host }: Addressable): string => (host === undefined ? name : `${name}@${host}`);
  const shown = peers.slice(0, 8).map((peer) => `${called(peer)} (${peer.peer_id.slice(0, 8)})`);
  return peers.length > 8 ? `${shown.join(", ")} and others` : shown.join(", ");
}
