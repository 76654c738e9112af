/** Names: which one a session gets, whether it can take an empty seat, and which are free for a pool. */
import { CctError } from "../../platform/errors.ts";
import { shortId } from "../../rules/address.ts";
import { freeName, stemOf } from "../../rules/names.ts";
import { visibilityOf } from "../../rules/pools.ts";
import { asideName, holdsName, type Origin } from "../../rules/seats.ts";
import { quoted } from "../../rules/text.ts";
import * as notices from "../../rules/texts/notices.ts";
import { peersNamedLike, poolsNamedLike } from "../../store/names.ts";
import type { Peer } from "../../store/peers.ts";
import { findPools } from "../../store/pools.ts";
import { together } from "../../store/together.ts";
import type { Context } from "../core/operation.ts";
import { report } from "./post.ts";
import { changePeer } from "./presence.ts";
import { mayBeLive, peerCalled, viewerOf } from "./references.ts";
import { heldBy } from "./removal.ts";

type Named = Pick<Peer, "peer_id">;

/**
 * The wanted name, or the next free one, for a session of `origin`. `me` holds no name against itself. A pool's name is not free:
 * people and models write `@bob` for bob.
 */
async function freeFor({ sql, confirmed }: Context, wanted: string, origin: Origin, me?: Named) {
  const stem = stemOf(wanted);
  const [all, pools] = await together(peersNamedLike(sql, wanted, stem), poolsNamedLike(sql, wanted, stem));
  const peers = all.filter((peer) => peer.peer_id !== me?.peer_id);
  const held = peers.filter((peer) => holdsName(peer, origin, confirmed));
  const name = freeName(wanted, [...held.map((peer) => peer.name), ...pools]);
  return { name, before: peers.find((peer) => peer.name.toLowerCase() === name.toLowerCase()) };
}

/** The same, for keeps: the peer that had the name and no longer holds it gets another one. */
export async function nameFor(context: Context, wanted: string, origin: Origin, me?: Named): Promise<string> {
  const { name, before } = await freeFor(context, wanted, origin, me);
  if (before) await putAside(context, before);
  return name;
}

async function putAside(context: Context, peer: Peer): Promise<void> {
  const { sql } = context;
  const aside = asideName(peer.name, peer.peer_id);
  const others = await peersNamedLike(sql, aside, stemOf(aside));
  const names = others.map((other) => other.name);
  await changePeer(context, peer, { ...peer, name: freeName(aside, names) });
}

/** The peer with another name, which somebody gave it. Throws `conflict` if another peer holds that name. */
export async function renamed(context: Context, peer: Peer, name: string): Promise<Peer> {
  const { name: free, before } = await freeFor(context, name, peer, peer);
  if (free !== name) {
    const holder = await peerCalled(context.sql, name);
    const by = holder ? `peer ${shortId(holder.peer_id)}` : `the pool @${name}`;
    throw new CctError("conflict", `The name '${name}' is taken by ${by}.`, "Choose another name.");
  }
  if (before) await putAside(context, before);
  return { ...peer, name, seat: true };
}

/** Makes a name free for a pool. Throws `conflict` if a peer holds it: `@name` would mean both. */
export async function freeForPool(context: Context, name: string): Promise<void> {
  const all = await peersNamedLike(context.sql, name, stemOf(name));
  const before = all.find((peer) => peer.name.toLowerCase() === name.toLowerCase());
  if (!before) return;
  if (!holdsName(before, before, context.confirmed)) return putAside(context, before);
  throw new CctError(
    "conflict",
    `There is a peer '${before.name}' (${shortId(before.peer_id)}), and '@${before.name}' would mean both.`,
    `Choose another name, such as '${name.slice(0, 34)}-pool'.`,
  );
}

/** Throws `conflict` unless this peer is the seat that a session gets which is to be called `wanted`. */
export async function requireEmptySeat(context: Context, peer: Peer, wanted: string, origin: Origin): Promise<void> {
  const { name } = await freeFor(context, wanted, origin, peer);
  if (peer.seat && peer.name.toLowerCase() === name.toLowerCase()) return;
  throw new CctError(
    "conflict",
    `${peer.name} is not the seat of a session called '${wanted}'.`,
    "Register without credentials to become a new peer.",
  );
}

/** Tells a session what it took over with its seat: its conversation knows nothing of that. */
export async function tellHeir(context: Context, peer: Peer): Promise<void> {
  const held = await heldBy(context.sql, peer);
  if (held.length === 0) return;
  await report(context, {
    to: [peer],
    pool: undefined,
    text: notices.tookSeat(peer.name, shortId(peer.peer_id), held),
    urgency: "low",
    cause: peer.peer_id,
  });
}

/** Tells a session why it is not called what it was to be called. */
export async function tellTaken(context: Context, peer: Peer, wanted: string): Promise<void> {
  const holder = await peerCalled(context.sql, wanted);
  const who = holder && {
    isLive: mayBeLive(holder, context),
    id: shortId(holder.peer_id),
    host: holder.host,
  };
  await report(context, {
    to: [peer],
    pool: undefined,
    text: notices.nameTaken(peer.name, shortId(peer.peer_id), wanted, who),
    urgency: "low",
  });
}

/** Throws `conflict` when an active pool that the caller can see, except `but`, has that name. */
export async function refuseTaken(
  { sql, caller }: Pick<Context, "sql" | "caller">,
  name: string,
  but?: string,
): Promise<void> {
  const other = (await findPools(sql, name, viewerOf(caller), [])).find(
    (pool) =>
      pool.archived_at === null &&
      pool.pool_id !== but &&
      pool.name.toLowerCase() === name.toLowerCase() &&
      visibilityOf(pool, viewerOf(caller)) !== "hidden",
  );
  if (!other) return;
  throw new CctError(
    "conflict",
    `There is an active pool '@${other.name}': ${quoted(other.purpose, 500)}.`,
    "Join that pool, or choose another name.",
  );
}
