/** Generic statements over whole tables, for moving data between databases. */
import { placeholders } from "./row.ts";
import type { Row, Sql, Value } from "./store.ts";

export interface Table {
  name: string;
  /** Columns of the primary key. All are text, so that both databases order rows alike. */
  key: readonly string[];
}

/** All tables with user data, in order of their foreign keys. */
export const tables: readonly Table[] = [
  { name: "peers", key: ["peer_id"] },
  { name: "presence_spans", key: ["span_id"] },
  { name: "pools", key: ["pool_id"] },
  { name: "members", key: ["pool_id", "peer_id"] },
  { name: "messages", key: ["message_id"] },
  { name: "deliveries", key: ["message_id", "peer_id"] },
  { name: "proposals", key: ["proposal_id"] },
  { name: "ballots", key: ["proposal_id", "peer_id"] },
  { name: "services", key: ["service_id"] },
  { name: "streams", key: ["peer_id"] },
  { name: "policies", key: ["peer_id", "source"] },
  { name: "notes", key: ["note_id"] },
  { name: "mutes", key: ["source"] },
  { name: "dismissals", key: ["need_id"] },
  { name: "notifications", key: ["channel", "purpose"] },
  { name: "told_needs", key: ["channel", "subject"] },
  { name: "devices", key: ["device_id"] },
  { name: "invitations", key: ["code_hash"] },
  { name: "browsers", key: ["browser_id"] },
  { name: "page_codes", key: ["code_hash"] },
];

/** Keyset pagination: the next `limit` rows after the key `after`, in key order. */
export function rowsAfter(sql: Sql, { name, key }: Table, after: Value[] | undefined, limit: number): Promise<Row[]> {
  const columns = key.join(", ");
  if (!after) return sql(`SELECT * FROM ${name} ORDER BY ${columns} LIMIT $1`, limit);
  const place = placeholders(key.length, 2);
  return sql(`SELECT * FROM ${name} WHERE (${columns}) > (${place}) ORDER BY ${columns} LIMIT $1`, limit, ...after);
}

/** The greatest key. */
export async function lastKey(sql: Sql, { name, key }: Table): Promise<Value[] | undefined> {
  const descending = key.map((column) => `${column} DESC`).join(", ");
  const [row] = await sql(`SELECT ${key.join(", ")} FROM ${name} ORDER BY ${descending} LIMIT 1`);
  return row && keyOf({ name, key }, row);
}

/** Inserts rows; existing keys are skipped. */
export async function insertRows(sql: Sql, { name }: Table, rows: readonly Row[]): Promise<void> {
  const [first] = rows;
  if (!first) return;
  const columns = Object.keys(first);
  const places = rows.map((_, i) => `(${placeholders(columns.length, 1 + i * columns.length)})`);
  await sql(
    `INSERT INTO ${name} (${columns.join(", ")}) VALUES ${places.join(", ")} ON CONFLICT DO NOTHING`,
    ...rows.flatMap((row) => columns.map((column) => row[column] ?? null)),
  );
}

/** Deletes up to `limit` rows; returns how many. */
export async function deleteSome(sql: Sql, { name, key }: Table, limit: number): Promise<number> {
  const columns = key.join(", ");
  const gone = await sql(
    `DELETE FROM ${name} WHERE (${columns}) IN (SELECT ${columns} FROM ${name} LIMIT $1) RETURNING ${key[0]}`,
    limit,
  );
  return gone.length;
}

/**
 * The key of a row with a NUL character in a text column. PostgreSQL cannot store one, and SQLite drivers cut the text at
 * it, so SQLite itself must search.
 */
export async function keyWithNul(sql: Sql, table: Table): Promise<Value[] | undefined> {
  const [first] = await rowsAfter(sql, table, undefined, 1);
  if (!first) return undefined;
  const anyOf = Object.keys(first).map((column) => `instr(${column}, char(0)) > 0`);
  const [row] = await sql(`SELECT ${table.key.join(", ")} FROM ${table.name} WHERE ${anyOf.join(" OR ")} LIMIT 1`);
  return row && keyOf(table, row);
}

export const keyOf = ({ key }: Table, row: Row): Value[] => key.map((column) => row[column] ?? null);
