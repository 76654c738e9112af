/**
 * What the clock does: claims lapse, mail expires, sessions fall silent, votes and memberships end, services go. Rules
 * decide, statements record. Each step looks first whether there is anything to do, and does that in transactions of its
 * own, so that it is in nobody's way for long; whoever else did it meanwhile leaves it nothing to do.
 */
import { type Environment, type TransactionContext, transact } from "../operations/core/transaction.ts";
import { endBusy, isBusyOver } from "../operations/support/busy.ts";
import { recordOutcome } from "../operations/support/outcomes.ts";
import { goneServices, removeGoneServices } from "../operations/support/services.ts";
import { closeVotes, poolsDue, settlePool } from "../operations/support/settle.ts";
import { expire, lapse } from "../rules/delivery.ts";
import { isLive, LEASE_MS, SILENT_MS, SKEW_MS } from "../rules/presence.ts";
import { expiredDeliveries, staleClaims } from "../store/messages.ts";
import { doubtfulSessions, findPeers, type Peer, sessionsHere, updatePeer } from "../store/peers.ts";
import { dueProposals } from "../store/proposals.ts";
import type { Sql } from "../store/store.ts";

/** Sessions that are settled in one transaction. */
const TOGETHER = 50;

/** The broker's own machine: who of its sessions still runs, nobody else can see. */
export interface Here {
  host: string;
  isAlive(pid: number): boolean;
}

/** What a broker sees alone: sessions of its machine whose host process has ended. */
export async function sweepHere(environment: Environment, here: Here): Promise<void> {
  await settleSessions(environment, here, (sql) => sessionsHere(sql, here.host));
}

/** What any broker can do, and one does. `absenceMs`: a member that was offline for longer is let go from its pools. */
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
  await settleSessions(environment, here, (sql) => doubtfulSessions(sql, now() - SILENT_MS, now() + SKEW_MS));
  for (const pool of await environment.store.look((sql) => poolsDue(sql, now(), absenceMs)))
    await transact(environment, (context) => settlePool(context, pool, absenceMs));
  await step(environment, (sql) => dueProposals(sql, now()), closeVotes);
  await step(
    environment,
    (sql) => goneServices(sql, now()),
    (context) => removeGoneServices(context.sql, context.now),
  );
}

/** Ends what has ended of some sessions: the session itself, or its wish to be left alone. */
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
  const ids = (await environment.store.look(find)).filter((peer) => isDue(peer, now)).map(({ peer_id }) => peer_id);
  for (let i = 0; i < ids.length; i += TOGETHER) {
    await transact(environment, async (context) => {
      for (const peer of await findPeers(context.sql, ids.slice(i, i + TOGETHER))) {
        if (!isDue(peer, context.now)) continue;
        // Also of a peer that went away while it was busy: who polls for it would poll slowly for ever.
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
  if ((await environment.store.look(find)).length > 0) await transact(environment, settle);
}
