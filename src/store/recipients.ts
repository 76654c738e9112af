/** Deliveries with their recipients. */
import { DELIVERY, type DeliveryRow, toDelivery } from "./messages.ts";
import { integerOrNull, placeholders, text } from "./row.ts";
import type { Sql } from "./store.ts";

export type RecipientRow = DeliveryRow & { name: string; host: string; isRemoved: boolean };

/** The deliveries of the given messages, with the recipients' names. */
export async function recipientsOf(sql: Sql, messageIds: readonly string[]): Promise<RecipientRow[]> {
  if (messageIds.length === 0) return [];
  const rows = await sql(
    `SELECT ${DELIVERY}, p.name, p.host, p.removed_at FROM deliveries d JOIN peers p ON p.peer_id = d.peer_id
     WHERE d.message_id IN (${placeholders(messageIds.length)}) ORDER BY p.name`,
    ...messageIds,
  );
  return rows.map((row) => ({
    name: text(row, "name"),
    host: text(row, "host"),
    isRemoved: integerOrNull(row, "removed_at") !== null,
    ...toDelivery(row),
  }));
}
