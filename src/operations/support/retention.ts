/** Clearing away what is old, a little at a time. The clock runs it; a rule says what may go. */
import { isOver } from "../../rules/presence.ts";
import { type Keep, keptSince, mayGo } from "../../rules/retention.ts";
import { deleteOldInvitations } from "../../store/devices.ts";
import {
  deleteMessages,
  deleteNotes,
  deleteProposals,
  endsOf,
  failedBetween,
  findClearing,
  messagesBetween,
  putClearing,
} from "../../store/retention.ts";
import type { Sql } from "../../store/store.ts";

/** What one transaction looks at: so few that nobody notices the wait. */
const BATCH = 100;
/**
 * When all that is old has been looked at once, the next round begins so much later. What may not go yet (it waits, or was
 * read late) is looked at again only then.
 */
const REST_MS = 3_600_000;

/** One kind of work; answers whether more of it is to be done now. */
export type Clearing = (sql: Sql, keep: Keep, now: number) => Promise<boolean>;

/**
 * Does a batch where the round has come to: `batch` answers with the place after which the next one goes on, 0 at the end.
 * The place is kept in the database, so that any broker goes on, after any restart.
 */
function inRounds(
  kind: string,
  batch: (sql: Sql, keep: Keep, now: number, after: number) => Promise<number>,
): Clearing {
  return async (sql, keep, now) => {
    const place = await findClearing(sql, kind);
    if (place?.seq === 0 && !isOver(place.at, REST_MS, now)) return false;
    const next = await batch(sql, keep, now, place?.seq ?? 0);
    await putClearing(sql, kind, next, now);
    return next > 0;
  };
}

/** Goes through old messages in the order of sending, and removes those that may go. */
function throughMessages(kind: string, days: (keep: Keep) => number, find: typeof messagesBetween): Clearing {
  return inRounds(kind, async (sql, keep, now, after) => {
    if (days(keep) === 0) return 0;
    const old = await find(sql, after, keptSince(days(keep), now) * 1000, BATCH);
    const seqs = new Map(old.map((one) => [one.message_id, one.seq]));
    const ends = await endsOf(sql, [...seqs.keys()]);
    const gone = [...seqs].filter(([id, seq]) => {
      const itsOwn = ends.filter((end) => end.message_id === id);
      // The order of sending is the clock in microseconds, or a little ahead of it.
      return mayGo(Math.ceil(seq / 1000), itsOwn, keep, now);
    });
    await deleteMessages(
      sql,
      gone.map(([id]) => id),
    );
    return old.length < BATCH ? 0 : (old.at(-1)?.seq ?? 0);
  });
}

/** Everything that is cleared away. */
export const clearings: readonly Clearing[] = [
  throughMessages("messages", (keep) => keep.keep_read_days, messagesBetween),
  // By an index of their own: they may be the only ones that do not stay for ever, or go sooner than others.
  throughMessages("failed", (keep) => keep.keep_failed_days, failedBetween),
  inRounds("the rest", async (sql, keep, now, round) => {
    await deleteOldInvitations(sql, now);
    if (keep.keep_notes_days === 0) return 0;
    const before = keptSince(keep.keep_notes_days, now);
    const gone = [await deleteNotes(sql, before, BATCH), await deleteProposals(sql, before, BATCH)];
    return gone.includes(BATCH) ? round + 1 : 0;
  }),
];
