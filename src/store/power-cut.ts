/** Statements about power cuts: which boot of the machine has the database open, and what a power cut may have forgotten. */
import { OPEN } from "./messages.ts";
import { integer } from "./row.ts";
import type { Sql } from "./store.ts";

/**
 * Records that a broker has the database open in this boot of the machine (`undefined`: unknown). When another one had, and
 * did not end well, its machine went down: marks the mail that may have been shown. Returns how much.
 */
export async function beginBoot(sql: Sql, boot = ""): Promise<number> {
  const before = await sql("SELECT boot_id FROM boots");
  const isSame = before.every(({ boot_id }) => boot_id !== "" && boot_id === boot);
  const marked = isSame ? 0 : await markPerhapsSeen(sql);
  await endBoot(sql);
  await sql("INSERT INTO boots (boot_id) VALUES ($1)", boot);
  return marked;
}

/** Records that the database is closed: nothing of it is only in the memory of the machine. */
export async function endBoot(sql: Sql): Promise<void> {
  await sql("DELETE FROM boots");
}

/**
 * Waiting mail may have been claimed and shown, so it counts as claimed and lapsed; a session that still has the claim keeps it.
 * Of all power cuts that it waits through, one counts as lost: they do not make it a dead letter. One statement that returns
 * no rows, because it may be very much mail.
 */
export async function markPerhapsSeen(sql: Sql): Promise<number> {
  await sql(
    `UPDATE deliveries AS d SET attempt = attempt + 1, lost = CASE WHEN lost = 0 THEN 1 ELSE lost END, redelivered = 1
     WHERE d.state = 'queued' AND ${OPEN}`,
  );
  const [row] = await sql("SELECT changes() AS marked");
  return row ? integer(row, "marked") : 0;
}
