/** Statements about work of the clock that one of many brokers does. */
import { integer } from "./row.ts";
import type { Sql } from "./store.ts";

/** Takes a chore that nobody has taken since `before`. Of several that want it at once one gets it. */
export async function takeChore(sql: Sql, name: string, before: number, now: number): Promise<boolean> {
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

/** When a chore was taken last; `undefined`: never. */
export async function choreTaken(sql: Sql, name: string): Promise<number | undefined> {
  const [row] = await sql("SELECT taken_at FROM chores WHERE name = $1", name);
  return row && integer(row, "taken_at");
}
