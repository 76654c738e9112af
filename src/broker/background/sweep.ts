/**
 * The sweep: everything that happens because time has passed. Leases lapse, mail expires, sessions go offline, votes and
 * memberships end, services are removed. Each step first checks with a cheap read whether anything is due, and then reads
 * it again in a short transaction: another broker may have done it meanwhile.
 */
import { type Environment, type TransactionContext, transact } from "../../operations/core/transaction.ts";
import { endBusy, isBusyOver } from "../../operations/support/busy.ts";
import { recordOutcome } from "../../operations/support/outcomes.ts";
import { goneServices, removeGoneServices } from "../../operations/support/services.ts";
import { closeVotes, poolsDue, settlePool } from "../../operations/support/settle.ts";
import { expire, lapse } from "../../rules/delivery.ts";
import { isLive, LEASE_MS, OFFLINE_AFTER_MS, SKEW_MS } from "../../rules/presence.ts";
import { expiredDeliveries, staleClaims } from "../../store/messages.ts";
import { findPeers, localSessions, type Peer, sessionsToCheck, updatePeer } from "../../store/peers.ts";
import { dueProposals } from "../../store/proposals.ts";
import type { Sql } from "../../store/store.ts";

/** Sessions per transaction. */
const BATCH = 50;

/** The broker's own machine. Only a broker on the same machine can see whether a process runs. */
export interface Here {
  host: string;
  isAlive(pid: number): boolean;
}

/** The part that every broker does: sessions on its own machine whose host process has ended go offline. */
export async function sweepHere(environment: Environment, here: Here): Promise<void> {
  await settleSessions(environment, here, (sql) => localSessions(sql, here.host));
}

/** The part that one of the brokers does. `absenceMs`: a member that was offline for longer is released from its pools. */
export async function sweepAll(environment: Environment, here: Here, absenceMs: number): Promise<void> {
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
  await settleSessions(environment, here, (sql) => sessionsToCheck(sql, now() - OFFLINE_AFTER_MS, now() + SKEW_MS));
  for (const pool of await environment.store.read((sql) => poolsDue(sql, now(), absenceMs)))
    await transact(environment, (context) => settlePool(context, pool, absenceMs));
  await step(environment, (sql) => dueProposals(sql, now()), closeVotes);
  await step(
    environment,
    (sql) => goneServices(sql, now()),
    (context) => removeGoneServices(context.sql, context.now),
  );
}

/** Ends sessions that are not live any more, and busy signals that are over. */
async function settleSessions(
  environment: Environment,
  here: Here,
  find: (sql: Sql) => Promise<Peer[]>,
): Promise<void> {
  const lives = (peer: Peer, now: number): boolean => {
    const isOurs = peer.device_id === null && peer.host === here.host;
    return isLive(peer, now) && (!isOurs || here.isAlive(peer.claude_pid));
  };
  const isDue = (peer: Peer, now: number): boolean =>
    isBusyOver(peer, now) || (peer.presence !== "offline" && !lives(peer, now));
  const now = environment.now();
  const ids = (await environment.store.read(find)).filter((peer) => isDue(peer, now)).map(({ peer_id }) => peer_id);
  for (let i = 0; i < ids.length; i += BATCH) {
    await transact(environment, async (context) => {
      for (const peer of await findPeers(context.sql, ids.slice(i, i + BATCH))) {
        if (!isDue(peer, context.now)) continue;
        // Also if the peer went offline while busy: otherwise sessions that poll would poll slowly forever.
        const current = isBusyOver(peer, context.now) ? await endBusy(context, peer) : peer;
        if (current.presence !== "offline" && !lives(peer, context.now))
          await updatePeer(context.sql, { ...current, presence: "offline" });
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
