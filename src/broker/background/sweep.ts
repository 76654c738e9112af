/**
 * The sweep: everything that happens because time has passed. Leases lapse, mail expires, sessions go offline, votes and
 * memberships end, services are removed. Each step first checks with a cheap read whether anything is due, and then reads
 * it again in a short transaction: another broker may have done it meanwhile.
 */
import { type Environment, type TransactionContext, transact } from "../../operations/core/transaction.ts";
import { endBusy, isBusyOver } from "../../operations/support/busy.ts";
import { endMute, releaseMuted } from "../../operations/support/mutes.ts";
import { recordOutcome } from "../../operations/support/outcomes.ts";
import { changePeer } from "../../operations/support/presence.ts";
import { removeGoneServices } from "../../operations/support/services.ts";
import { type Absence, closeVotes, settlePool } from "../../operations/support/settle.ts";
import { expire, lapse } from "../../rules/delivery.ts";
import { isLive, LEASE_MS, OFFLINE_AFTER_MS, SKEW_MS } from "../../rules/presence.ts";
import { expiredDeliveries, staleClaims } from "../../store/deliveries.ts";
import { poolsToLead, poolsToLeave } from "../../store/due-pools.ts";
import { markAway, markBack, movedPeers, poolsWithAbsentMembers } from "../../store/listening.ts";
import { dueMutes, endedSources } from "../../store/mutes.ts";
import { findPeers, localSessions, type Peer, sessionsToCheck } from "../../store/peers.ts";
import { dueProposals } from "../../store/proposals.ts";
import { goneServices } from "../../store/services.ts";
import type { Sql } from "../../store/store.ts";

/** Sessions per transaction. */
const BATCH = 50;

/** The broker's own machine. Only a broker on the same machine can see whether a process runs. */
export interface Here {
  host: string;
  isAlive(pid: number): boolean;
}

/** The part that every broker does, whatever its clock shows: sessions on its own machine whose process has ended go offline. */
export async function sweepHere(environment: Environment, here: Here): Promise<void> {
  const ended = (peer: Peer): boolean =>
    peer.presence !== "offline" && peer.device_id === null && peer.host === here.host && !here.isAlive(peer.host_pid);
  await settleSessions(environment, (sql) => localSessions(sql, here.host), ended);
  await markUnserved(environment, here);
}

/** Sessions whose session server has ended while the host goes on: senders are told. A host does not restart it. */
async function markUnserved(environment: Environment, here: Here): Promise<void> {
  const isUnserved = (peer: Peer): boolean =>
    peer.hooks !== "unserved" && peer.server_pid !== null && !here.isAlive(peer.server_pid);
  const find = async (sql: Sql): Promise<Peer[]> => (await localSessions(sql, here.host)).filter(isUnserved);
  await step(environment, find, async (context) => {
    for (const peer of await find(context.sql)) await changePeer(context, peer, { ...peer, hooks: "unserved" });
  });
}

/**
 * The part that one of the brokers does, while its clock is confirmed. Members that were away for longer than the limit are
 * released from their pools.
 */
export async function sweepAll(environment: Environment, absence: Absence): Promise<void> {
  const { now } = environment;
  const stale = (sql: Sql) => staleClaims(sql, now() - LEASE_MS, now() + SKEW_MS);
  await step(environment, stale, async (context) => {
    for (const delivery of await stale(context.sql)) {
      const next = lapse(delivery, context.now);
      if (!next) continue;
      await recordOutcome(context, delivery, next);
      context.emit({ peer_id: delivery.peer_id, about: "mail" });
    }
  });
  const expired = (sql: Sql) => expiredDeliveries(sql, now());
  await step(environment, expired, async (context) => {
    for (const delivery of await expired(context.sql)) {
      const next = expire(delivery, context.now);
      if (next) await recordOutcome(context, delivery, next);
    }
  });
  await settleSessions(
    environment,
    (sql) => sessionsToCheck(sql, now() - OFFLINE_AFTER_MS, now() + SKEW_MS),
    (peer, at) => peer.presence !== "offline" && !isLive(peer, at),
  );
  await settleMoved(environment, absence);
  await settlePools(environment, absence, (sql) => poolsToLeave(sql, now()));
  await step(environment, (sql) => dueProposals(sql, now()), closeVotes);
  const overMutes = (sql: Sql) => dueMutes(sql, now());
  await step(environment, overMutes, async (context) => {
    for (const mute of await overMutes(context.sql)) await endMute(context, mute);
  });
  await step(environment, endedSources, async (context) => {
    for (const source of await endedSources(context.sql)) await releaseMuted(context, source);
  });
  await step(environment, (sql) => goneServices(sql, now()), removeGoneServices);
}

/** Releases members that were away for too long. Far slower than the rest, so it need not be checked as often. */
export async function sweepAbsent(environment: Environment, absence: Absence): Promise<void> {
  await settlePools(environment, absence, (sql) => poolsWithAbsentMembers(sql, absence.listened - absence.limitMs));
}

/**
 * Settles what follows when peers have gone or come back: a pool whose lead has gone gets another one as soon as a member is
 * live. Each is marked last, so that a broker that ends meanwhile leaves the rest to the next.
 */
async function settleMoved(environment: Environment, absence: Absence): Promise<void> {
  for (;;) {
    const moved = await environment.store.read((sql) => movedPeers(sql, BATCH));
    const ids = moved.map(({ peer_id }) => peer_id);
    await settlePools(environment, absence, (sql) => poolsToLead(sql, ids));
    if (moved.length > 0)
      await transact(environment, async ({ sql }) => {
        for (const { peer_id, presence } of moved)
          await (presence === "offline" ? markAway(sql, peer_id, absence.listened) : markBack(sql, peer_id));
      });
    if (moved.length < BATCH) return;
  }
}

async function settlePools(
  environment: Environment,
  absence: Absence,
  find: (sql: Sql) => Promise<string[]>,
): Promise<void> {
  for (const pool of await environment.store.read(find))
    await transact(environment, (context) => settlePool(context, pool, absence));
}

/** Ends sessions that are gone, and busy signals that are over. */
async function settleSessions(
  environment: Environment,
  find: (sql: Sql) => Promise<Peer[]>,
  isGone: (peer: Peer, now: number) => boolean,
): Promise<void> {
  const isDue = (peer: Peer, at: number): boolean => isBusyOver(peer, at) || isGone(peer, at);
  const now = environment.confirmed();
  const ids = (await environment.store.read(find)).filter((peer) => isDue(peer, now)).map(({ peer_id }) => peer_id);
  for (let i = 0; i < ids.length; i += BATCH) {
    await transact(environment, async (context) => {
      for (const peer of await findPeers(context.sql, ids.slice(i, i + BATCH))) {
        if (!isDue(peer, context.confirmed)) continue;
        // Also if the peer went offline while busy: otherwise sessions that poll would poll slowly forever.
        const current = isBusyOver(peer, context.confirmed) ? await endBusy(context, peer) : peer;
        if (isGone(peer, context.confirmed)) await changePeer(context, current, { ...current, presence: "offline" });
      }
    });
  }
}

async function step(
  environment: Environment,
  find: (sql: Sql) => Promise<readonly unknown[]>,
  settle: (context: TransactionContext) => Promise<void>,
): Promise<void> {
  if ((await environment.store.read(find)).length > 0) await transact(environment, settle);
}
