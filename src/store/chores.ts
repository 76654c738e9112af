/** Leader election for periodic work (chores): among brokers that share a database, one runs each chore. */
import { integer } from "./row.ts";
import type { Sql } from "./store.ts";

/** Claims a chore that no broker has claimed since `before`. Returns false if another broker was first. */
export async function claimChore(sql: Sql, name: string, before: number, now: number): Promise<boolean> {
  const rows = await sql(
    `INSERT INTO chores (name, taken_at) VALUES ($1, $3)
     ON CONFLICT (name) DO UPDATE SET taken_at = excluded.taken_at WHERE chores.taken_at <= $2 OR chores.taken_at > $3 + 60000
     RETURNING name`,
    name,
    before,
    now,
  );
  return rows.length > 0;
}

/** When a chore was last claimed, milliseconds since 1970; `undefined` if never. */
export async function choreClaimedAt(sql: Sql, name: string): Promise<number | undefined> {
  const [row] = await sql("SELECT taken_at FROM chores WHERE name = $1", name);
  return row && integer(row, "taken_at");
}

const PROBE = "write probe";
/** About as much as the largest message, so that a disk with a few free bytes does not look well. */
const PROBE_ROWS = 32;
const PROBE_CHARACTERS = 2_000;

/** Writes about 64 KiB. `clearProbe` deletes it again. */
export async function writeProbe(sql: Sql, now: number): Promise<void> {
  for (let i = 0; i < PROBE_ROWS; i++) {
    await sql(
      "INSERT INTO chores (name, taken_at) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET taken_at = excluded.taken_at",
      `${PROBE} ${i} `.padEnd(PROBE_CHARACTERS, "."),
      now,
    );
  }
}

export async function clearProbe(sql: Sql): Promise<void> {
  await sql("DELETE FROM chores WHERE name LIKE $1", `${PROBE} %`);
}
