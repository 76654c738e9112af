/** Counts for the operator. They use the partial indexes on open deliveries, never the whole history. */
import { type DeliveryState, deliveryStates } from "../rules/delivery.ts";
import { OPEN } from "./messages.ts";
import { integer, integerOrNull, oneOf } from "./row.ts";
import type { Sql } from "./store.ts";

/** The number of deliveries in each open state. */
export async function countOpen(sql: Sql): Promise<Partial<Record<DeliveryState, number>>> {
  const rows = await sql(
    `SELECT d.state, count(*) AS deliveries FROM deliveries d
     WHERE ${OPEN} GROUP BY d.state`,
  );
  const [held] = await sql("SELECT count(*) AS deliveries FROM deliveries d WHERE d.state = 'held'");
  return {
    queued: 0,
    claimed: 0,
    delivered: 0,
    ...Object.fromEntries(rows.map((row) => [oneOf(row, "state", deliveryStates), integer(row, "deliveries")])),
    held: held ? integer(held, "deliveries") : 0,
  };
}

/** The number of people's unread messages. */
export async function countForPeople(sql: Sql): Promise<number> {
  const [row] = await sql(
    `SELECT count(*) AS deliveries FROM deliveries d
     WHERE d.peer_id IN (SELECT peer_id FROM peers WHERE host = '' AND removed_at IS NULL) AND d.state = 'queued' AND ${OPEN}`,
  );
  return row ? integer(row, "deliveries") : 0;
}

/** The sequence number of the oldest queued message; `null` when none is queued. */
export async function oldestQueued(sql: Sql): Promise<number | null> {
  const [row] = await sql(
    `SELECT min(d.seq) AS seq FROM deliveries d
     WHERE d.state = 'queued' AND ${OPEN}`,
  );
  return row ? integerOrNull(row, "seq") : null;
}
