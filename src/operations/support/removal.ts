/** Ends a peer by decision of the operator: everything that it holds ends too, or goes to another peer. */
import { COUNT_LIMIT, countText } from "../../rules/counted.ts";
import { abandon, acknowledge, RECIPIENT_ENDED, RECIPIENT_REMOVED, requeueUnread } from "../../rules/delivery.ts";
import { type IsLive, leave, takeOver } from "../../rules/pool-lifecycle.ts";
import { memberOf, type Pool } from "../../rules/pools.ts";
import { endedItself, mergedInto, removedByOperator } from "../../rules/texts/notices.ts";
import { openDeliveries } from "../../store/deliveries.ts";
import { heldDeliveries } from "../../store/held.ts";
import type { Peer } from "../../store/peers.ts";
import { type PoolRow, poolsEverOf, poolsOfPeer } from "../../store/pools.ts";
import { openProposalsOf } from "../../store/proposals.ts";
import { countWaiting, moveBallots, moveDeliveries, moveOwnership, removePeers } from "../../store/removal.ts";
import { deleteServicesOf, servicesOf } from "../../store/services.ts";
import type { Sql } from "../../store/store.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { record, tellMembers } from "./membership.ts";
import { recordOutcome } from "./outcomes.ts";
import { conclude, settleVotes, withdrawAll } from "./proposals.ts";
import { peopleOf } from "./references.ts";

/** What would be lost with a peer, for people. */
export async function heldBy(sql: Sql, { peer_id }: Peer): Promise<string[]> {
  const waiting = await countWaiting(sql, peer_id, COUNT_LIMIT);
  const pools = (await poolsOfPeer(sql, peer_id)).map((pool) => `@${pool.name}`);
  const services = (await servicesOf(sql, peer_id)).map((service) => service.name);
  const votes = (await openProposalsOf(sql, peer_id)).length;
  return [
    waiting > 0 ? `${countText(waiting)} waiting message${waiting === 1 ? "" : "s"}` : "",
    pools.length > 0 ? `membership in ${pools.join(", ")}` : "",
    services.length > 0 ? `the services ${services.join(", ")}` : "",
    votes > 0 ? `open votes (${votes})` : "",
  ].filter((one) => one !== "");
}

interface Ended {
  /** Messages that waited for it. */
  messages: number;
  /** The names of the pools that it was in. */
  pools: string[];
}

/**
 * Removes a peer. Mail that waits for it ends unread, which its senders are told; its pools go on without it. `by`: the
 * operator, or the peer's own session when it ends for good.
 */
export async function forget(context: TransactionContext, gone: Peer, by: "operator" | "itself"): Promise<Ended> {
  const { sql, now } = context;
  const { peer_id } = gone;
  const why = by === "operator" ? removedByOperator(gone.name) : endedItself(gone.name);
  const messages = await countWaiting(sql, peer_id);
  for (const proposal of await openProposalsOf(sql, peer_id)) {
    if (proposal.subject_id === peer_id || proposal.proposer_id === peer_id)
      await conclude(context, proposal, "withdrawn", why);
  }
  const own = (await poolsEverOf(sql, peer_id)).filter((pool) => memberOf(pool, peer_id));
  const pools = await changePools(context, gone, own, why, (pool, live) => leave(pool, peer_id, live, now));
  await deleteServicesOf(sql, peer_id);
  for (let all = await waitingFor(sql, peer_id); all.length > 0; all = await waitingFor(sql, peer_id)) {
    for (const delivery of all) {
      const ended = abandon(delivery, by === "operator" ? RECIPIENT_REMOVED : RECIPIENT_ENDED);
      if (ended) await recordOutcome(context, delivery, ended);
    }
  }
  await removePeers(sql, [peer_id], now);
  context.changed({ what: "peer", id: peer_id });
  return { messages, pools };
}

async function waitingFor(sql: Sql, peerId: string) {
  return [...(await openDeliveries(sql, peerId, ["queued", "claimed"])), ...(await heldDeliveries(sql, peerId))];
}

/** Gives everything of one peer to another, and removes it. */
export async function merge(context: TransactionContext, from: Peer, into: Peer): Promise<Ended> {
  const { sql, now } = context;
  const why = mergedInto(from.name, into.name);
  const open = await openProposalsOf(sql, from.peer_id);
  for (const proposal of open)
    if (proposal.subject_id === from.peer_id) await conclude(context, proposal, "withdrawn", why);
  const ever = await poolsEverOf(sql, from.peer_id);
  const change = (pool: Pool, isLive: IsLive): Pool => takeOver(pool, from.peer_id, into, isLive);
  const pools = await changePools(context, from, ever, why, change, into);
  // As for a session that returns in another process: what was shown and not confirmed is shown again.
  for (const delivery of await openDeliveries(sql, from.peer_id, ["claimed", "delivered"])) {
    const again =
      delivery.state === "claimed" ? acknowledge(delivery, delivery.attempt, "lost", now) : requeueUnread(delivery);
    if (again) await recordOutcome(context, delivery, again);
  }
  const messages = await countWaiting(sql, from.peer_id);
  await moveDeliveries(sql, from.peer_id, into.peer_id);
  await moveOwnership(sql, from.peer_id, into.peer_id);
  context.bounds?.forget(into.peer_id);
  await moveBallots(sql, from.peer_id, into.peer_id);
  await removePeers(sql, [from.peer_id], now);
  for (const { peer_id } of [from, into]) context.changed({ what: "peer", id: peer_id });
  // With one voter less, the votes may decide.
  const moved = new Set(open.map((proposal) => proposal.proposal_id));
  for (const proposal of await openProposalsOf(sql, into.peer_id))
    if (moved.has(proposal.proposal_id)) await settleVotes(context, proposal);
  context.emit({ peer_id: into.peer_id, about: "mail" });
  return { messages, pools };
}

/** Changes the pools that a peer is or was in, and tells the members of those that it is in. Returns the names of these. */
async function changePools(
  context: TransactionContext,
  peer: Peer,
  all: readonly PoolRow[],
  why: string,
  change: (pool: Pool, isLive: IsLive) => Pool,
  ...more: readonly Peer[]
): Promise<string[]> {
  const names = [];
  for (const before of all) {
    const people = await peopleOf(context, before, ...more);
    const after = change(before, people.live);
    await record(context, before, after);
    if (!memberOf(before, peer.peer_id)) continue;
    names.push(before.name);
    await tellMembers(context, before, after, people.peer, [{ about: peer.peer_id, change: "left", text: `${why}.` }]);
    if (after.archived_at !== null) await withdrawAll(context, after, "the pool was archived");
  }
  return names;
}
