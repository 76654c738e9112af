/**
 * Retention: deletes old messages, notes and proposals, and peers, pools and devices that nobody uses, in small batches. The
 * background loop runs it; a rule decides what may go.
 */
import { LOGIN_MS } from "../../rules/browsers.ts";
import { grouped } from "../../rules/grouped.ts";
import { hasElapsed } from "../../rules/presence.ts";
import { isDeletable, type RetentionPolicy, retentionCutoff } from "../../rules/retention.ts";
import { deleteOldDismissals } from "../../store/attention.ts";
import { deleteEndedLogins } from "../../store/browsers.ts";
import { deleteOldInvitations, deleteRevokedDevices } from "../../store/devices.ts";
import { deleteOldSpans } from "../../store/presence.ts";
import { deleteArchivedPools, deleteRemovedPeers, removablePeers, removePeers } from "../../store/removal.ts";
import {
  deleteMessages,
  deleteNotes,
  deleteProposals,
  deliveryStatesOf,
  failedBetween,
  findCursor,
  messagesBetween,
  putCursor,
} from "../../store/retention.ts";
import type { Sql } from "../../store/store.ts";

/** Rows that one transaction looks at, few enough that nobody notices the wait. */
const BATCH = 100;
/** Pause between two rounds. What had to stay in one round (it waits, or was read late) is looked at again in the next. */
const REST_MS = 3_600_000;
/** How long the history of presence is kept, and what the operator has put aside. */
const HISTORY_MS = 7 * 86_400_000;

/** Deletes one batch of one kind; returns whether there is more to do now. */
export type Cleanup = (sql: Sql, keep: RetentionPolicy, now: number) => Promise<boolean>;

/**
 * Works through old rows in rounds. `batch` starts after `after` and returns where the next batch starts, or 0 at the end of
 * the round. The position is stored in the database, so any broker can continue after any restart.
 */
function inRounds(
  kind: string,
  batch: (sql: Sql, keep: RetentionPolicy, now: number, after: number) => Promise<number>,
): Cleanup {
  return async (sql, keep, now) => {
    const position = await findCursor(sql, kind);
    if (position?.seq === 0 && !hasElapsed(position.at, REST_MS, now)) return false;
    const next = await batch(sql, keep, now, position?.seq ?? 0);
    await putCursor(sql, kind, next, now);
    return next > 0;
  };
}

/** Deletes old messages in the order of sending, except those that must stay. */
function throughMessages(kind: string, days: (keep: RetentionPolicy) => number, find: typeof messagesBetween): Cleanup {
  return inRounds(kind, async (sql, keep, now, after) => {
    if (days(keep) === 0) return 0;
    const old = await find(sql, after, retentionCutoff(days(keep), now) * 1000, BATCH);
    const sentAt = new Map(old.map((one) => [one.message_id, one.sent_at]));
    const ends = grouped(await deliveryStatesOf(sql, [...sentAt.keys()]), (end) => end.message_id);
    const gone = [...sentAt].filter(([id, at]) => isDeletable(at, ends.get(id) ?? [], keep, now));
    await deleteMessages(
      sql,
      gone.map(([id]) => id),
    );
    return old.length < BATCH ? 0 : (old.at(-1)?.seq ?? 0);
  });
}

/** Removes peers that were last seen at `before` or earlier and that nothing holds, the longest away first; returns how many. */
export async function removeAway(sql: Sql, before: number, now: number): Promise<number> {
  const ids = await removablePeers(sql, before, BATCH);
  await removePeers(sql, ids, now);
  return ids.length;
}

/** Everything that retention deletes. */
export const cleanups: readonly Cleanup[] = [
  throughMessages("messages", (keep) => keep.keep_read_days, messagesBetween),
  // With an index of their own: they may be the only ones that are ever deleted, or go sooner than others.
  throughMessages("failed", (keep) => keep.keep_failed_days, failedBetween),
  inRounds("the rest", async (sql, keep, now, round) => {
    await deleteOldInvitations(sql, now);
    await deleteEndedLogins(sql, now - LOGIN_MS, now);
    if (keep.keep_notes_days === 0) return 0;
    const before = retentionCutoff(keep.keep_notes_days, now);
    const gone = [
      await deleteNotes(sql, before, BATCH),
      await deleteProposals(sql, before, BATCH),
      await deleteRevokedDevices(sql, before, BATCH),
    ];
    return gone.includes(BATCH) ? round + 1 : 0;
  }),
  inRounds("presence", async (sql, _keep, now, round) => {
    const gone = [
      await deleteOldSpans(sql, now - HISTORY_MS, BATCH),
      await deleteOldDismissals(sql, now - HISTORY_MS, BATCH),
    ];
    return gone.includes(BATCH) ? round + 1 : 0;
  }),
  inRounds("pools", async (sql, keep, now, round) => {
    if (keep.keep_pools_days === 0) return 0;
    const gone = await deleteArchivedPools(sql, retentionCutoff(keep.keep_pools_days, now), BATCH);
    return gone === BATCH ? round + 1 : 0;
  }),
  inRounds("peers", async (sql, keep, now, round) => {
    const removed =
      keep.keep_peers_days === 0 ? 0 : await removeAway(sql, retentionCutoff(keep.keep_peers_days, now), now);
    // What refers to them may be gone meanwhile, whatever removed them.
    const deleted = await deleteRemovedPeers(sql, BATCH);
    return removed === BATCH || deleted === BATCH ? round + 1 : 0;
  }),
];
