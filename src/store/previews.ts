/** Messages as lists show them: the beginning of the text, and what became of them in numbers. */
import { type DeliveryState, deliveryStates } from "../rules/delivery.ts";
import { grouped } from "../rules/grouped.ts";
import { DELIVERY, FAILED_STATES, MESSAGE, type Message, toDelivery, toMessage } from "./messages.ts";
import type { RecipientRow } from "./recipients.ts";
import { idLists, integer, integerOrNull, oneOf, placeholders, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

/** Characters of a text in a list. */
export const PREVIEW_CHARACTERS = 400;
/** Recipients that a list names: those first whose mail was not delivered. */
export const NAMED_RECIPIENTS = 5;

/** `text`: its beginning. `characters`: of all of it. `pool`: the name of its pool. */
export type Preview = Message & { characters: number; pool: string | null };

const SELECT = `SELECT ${MESSAGE.replace("m.text", `substr(m.text, 1, ${PREVIEW_CHARACTERS}) AS text`)},
    length(m.text) AS characters, l.name AS pool
  FROM messages m LEFT JOIN pools l ON l.pool_id = m.pool_id`;

const toPreview = (row: Row): Preview => ({
  characters: integer(row, "characters"),
  pool: textOrNull(row, "pool"),
  ...toMessage(row),
});

/** The messages with these sequence numbers, unordered. */
export async function previewsAt(sql: Sql, seqs: readonly number[]): Promise<Preview[]> {
  const all: Preview[] = [];
  for (const some of idLists(seqs))
    all.push(...(await sql(`${SELECT} WHERE m.seq IN (${placeholders(some.length)})`, ...some)).map(toPreview));
  return all;
}

/** The ids of the messages with these sequence numbers. */
export async function seqsOf(sql: Sql, seqs: readonly number[]): Promise<Map<string, number>> {
  const all = new Map<string, number>();
  for (const some of idLists(seqs)) {
    const rows = await sql(`SELECT message_id, seq FROM messages WHERE seq IN (${placeholders(some.length)})`, ...some);
    for (const row of rows) all.set(text(row, "message_id"), integer(row, "seq"));
  }
  return all;
}

/** What became of a message. `recipients`: the first of them. */
export interface Receipts {
  states: Partial<Record<DeliveryState, number>>;
  recipients: RecipientRow[];
}

/** What became of each of these messages, however many recipients they had. */
export async function receiptsOf(sql: Sql, messageIds: readonly string[]): Promise<Map<string, Receipts>> {
  const all = new Map<string, Receipts>();
  for (const ids of idLists(messageIds)) {
    const list = placeholders(ids.length);
    const counts = await sql(
      `SELECT d.message_id, d.state, count(*) AS deliveries FROM deliveries d WHERE d.message_id IN (${list})
       GROUP BY d.message_id, d.state`,
      ...ids,
    );
    const first = await sql(
      `SELECT ${DELIVERY}, p.name, p.host, p.removed_at FROM (
         SELECT o.*, row_number() OVER (PARTITION BY o.message_id ORDER BY
           CASE WHEN o.state IN ${FAILED_STATES} THEN 0 WHEN o.state = 'held' THEN 1 ELSE 2 END, o.peer_id) AS place
         FROM deliveries o WHERE o.message_id IN (${list})) d
       JOIN peers p ON p.peer_id = d.peer_id WHERE d.place <= ${NAMED_RECIPIENTS} ORDER BY d.message_id, d.place`,
      ...ids,
    );
    const named = grouped(first, (row) => text(row, "message_id"));
    for (const [id, rows] of grouped(counts, (row) => text(row, "message_id")))
      all.set(id, {
        states: Object.fromEntries(
          rows.map((row) => [oneOf(row, "state", deliveryStates), integer(row, "deliveries")]),
        ),
        recipients: (named.get(id) ?? []).map((row) => ({
          name: text(row, "name"),
          host: text(row, "host"),
          isRemoved: integerOrNull(row, "removed_at") !== null,
          ...toDelivery(row),
        })),
      });
  }
  return all;
}
