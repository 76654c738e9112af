/** Statements about notifications: the latest of each channel, and the needs that were told. */
import { type Channel, CLAIM_MS, channels, MAX_WAIT_MS, type Told } from "../rules/notifications.ts";
import { integer, integerOrNull, oneOf, placeholders, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

export const purposes = ["needs", "test"] as const;
type Purpose = (typeof purposes)[number];

export interface Notification {
  channel: Channel;
  purpose: Purpose;
  notification_id: string;
  subjects: string[];
  made_at: number;
  attempts: number;
  /** When to try next; `null`: it has ended. */
  due_at: number | null;
  sent_at: number | null;
  failed_at: number | null;
  /** Why the last attempt failed. */
  error: string | null;
}

const COLUMNS = "channel, purpose, notification_id, subjects, made_at, attempts, due_at, sent_at, failed_at, error";

const toNotification = (row: Row): Notification => ({
  channel: oneOf(row, "channel", channels),
  purpose: oneOf(row, "purpose", purposes),
  notification_id: text(row, "notification_id"),
  // Written below.
  subjects: JSON.parse(text(row, "subjects")) as string[],
  made_at: integer(row, "made_at"),
  attempts: integer(row, "attempts"),
  due_at: integerOrNull(row, "due_at"),
  sent_at: integerOrNull(row, "sent_at"),
  failed_at: integerOrNull(row, "failed_at"),
  error: textOrNull(row, "error"),
});

/** The latest of each channel and purpose. */
export async function latestNotifications(sql: Sql): Promise<Notification[]> {
  return (await sql(`SELECT ${COLUMNS} FROM notifications ORDER BY channel, purpose`)).map(toNotification);
}

type New = Pick<Notification, "channel" | "purpose" | "notification_id" | "subjects">;

/** Begins a notification in place of the latest of its channel and purpose. */
export async function beginNotification(sql: Sql, one: New, now: number): Promise<void> {
  await sql(
    `INSERT INTO notifications (channel, purpose, notification_id, subjects, made_at, attempts, due_at)
     VALUES ($1, $2, $3, $4, $5, 0, $5)
     ON CONFLICT (channel, purpose) DO UPDATE SET notification_id = excluded.notification_id, subjects = excluded.subjects,
       made_at = excluded.made_at, attempts = 0, due_at = excluded.due_at, error = NULL`,
    one.channel,
    one.purpose,
    one.notification_id,
    JSON.stringify(one.subjects),
    now,
  );
}

export const isDue = ({ due_at }: Pick<Notification, "due_at">, now: number): boolean =>
  due_at !== null && (due_at <= now || due_at > now + MAX_WAIT_MS);

/** Whether it has failed, and waits for longer than a broker that is at it would take. */
export const isPaused = ({ due_at, error }: Pick<Notification, "due_at" | "error">, now: number): boolean =>
  error !== null && due_at !== null && due_at > now + CLAIM_MS;

/** Tries a notification that waits after failures as if it were the first time. */
export async function retryAtOnce(sql: Sql, channel: Channel, now: number): Promise<void> {
  await sql(
    "UPDATE notifications SET attempts = 0, due_at = $2, error = NULL WHERE channel = $1 AND error IS NOT NULL AND due_at > $3",
    channel,
    now,
    now + CLAIM_MS,
  );
}

/** Claims the due notifications of these purposes of a channel until `until`, when others may try them. */
export async function claimNotifications(
  sql: Sql,
  channel: Channel,
  purposes: readonly Purpose[],
  now: number,
  until: number,
): Promise<Notification[]> {
  const rows = await sql(
    `UPDATE notifications SET attempts = attempts + 1, due_at = $3
     WHERE channel = $1 AND (due_at <= $2 OR due_at > $4) AND purpose IN (${placeholders(purposes.length, 5)})
     RETURNING ${COLUMNS}`,
    channel,
    now,
    until,
    now + MAX_WAIT_MS,
    ...purposes,
  );
  return rows.map(toNotification);
}

/** An attempt, so that a late answer to an earlier one changes nothing. */
type Attempt = Pick<Notification, "channel" | "purpose" | "notification_id" | "attempts">;
const THIS_ATTEMPT = "channel = $1 AND purpose = $2 AND notification_id = $3 AND attempts = $4";
const valuesOf = (one: Attempt) => [one.channel, one.purpose, one.notification_id, one.attempts] as const;

export async function endNotification(sql: Sql, one: Attempt): Promise<void> {
  await sql(`UPDATE notifications SET due_at = NULL, error = NULL WHERE ${THIS_ATTEMPT}`, ...valuesOf(one));
}

export async function notificationSent(sql: Sql, one: Attempt, now: number): Promise<void> {
  await sql(
    `UPDATE notifications SET due_at = NULL, sent_at = $5, error = NULL WHERE ${THIS_ATTEMPT}`,
    ...valuesOf(one),
    now,
  );
  // It shows that the channel works: what was given up before is no fault of it any more.
  if (one.purpose === "test")
    await sql("UPDATE notifications SET error = NULL WHERE channel = $1 AND due_at IS NULL", one.channel);
}

/** `again`: when to try next; `null`: not any more. */
export async function notificationFailed(
  sql: Sql,
  one: Attempt,
  error: string,
  now: number,
  again: number | null,
): Promise<void> {
  await sql(
    `UPDATE notifications SET due_at = $7, failed_at = $6, error = $5 WHERE ${THIS_ATTEMPT}`,
    ...valuesOf(one),
    error,
    now,
    again,
  );
}

/** The needs that a channel was told, by subject. */
export async function toldNeeds(sql: Sql, channel: Channel): Promise<Map<string, Told>> {
  const rows = await sql("SELECT subject, level, told_at, seen_at FROM told_needs WHERE channel = $1", channel);
  return new Map(
    rows.map((row) => {
      const subject = text(row, "subject");
      const times = { told_at: integer(row, "told_at"), seen_at: integer(row, "seen_at") };
      return [subject, { subject, level: integer(row, "level"), ...times }];
    }),
  );
}

export async function putTold(sql: Sql, channel: Channel, told: Told): Promise<void> {
  await sql(
    `INSERT INTO told_needs (channel, subject, level, told_at, seen_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (channel, subject) DO UPDATE SET level = excluded.level, told_at = excluded.told_at, seen_at = excluded.seen_at`,
    channel,
    told.subject,
    told.level,
    told.told_at,
    told.seen_at,
  );
}

export async function deleteTold(sql: Sql, channel: Channel, subjects: readonly string[]): Promise<void> {
  await sql(
    `DELETE FROM told_needs WHERE channel = $1 AND subject IN (${placeholders(subjects.length, 2)})`,
    channel,
    ...subjects,
  );
}
