/** Statements about inbound policies. */
import { type Policy, policies } from "../rules/delivery.ts";
import { grouped } from "../rules/grouped.ts";
import { idLists, oneOf, placeholders, text } from "./row.ts";
import type { Row, Sql } from "./store.ts";

/** A peer's policy for mail from one sender, from one pool, or (empty `source`) by default. */
export interface PolicyRow {
  peer_id: string;
  source: string;
  policy: Policy;
}

/** Sets a policy. The default `accept` needs no row. */
export async function putPolicy(sql: Sql, row: PolicyRow): Promise<void> {
  await sql("DELETE FROM policies WHERE peer_id = $1 AND source = $2", row.peer_id, row.source);
  if (row.policy === "accept" && row.source === "") return;
  await sql("INSERT INTO policies (peer_id, source, policy) VALUES ($1, $2, $3)", row.peer_id, row.source, row.policy);
}

/** The policies of each of these peers; without those that have none. */
export async function policiesOfAll(sql: Sql, peerIds: readonly string[]): Promise<Map<string, PolicyRow[]>> {
  const all: PolicyRow[] = [];
  for (const ids of idLists(peerIds)) {
    const rows = await sql(
      `SELECT peer_id, source, policy FROM policies WHERE peer_id IN (${placeholders(ids.length)})`,
      ...ids,
    );
    all.push(...rows.map(toPolicy));
  }
  return grouped(all, (one) => one.peer_id);
}

export async function policiesOf(sql: Sql, peerId: string): Promise<PolicyRow[]> {
  const rows = await sql("SELECT peer_id, source, policy FROM policies WHERE peer_id = $1 ORDER BY source", peerId);
  return rows.map(toPolicy);
}

const toPolicy = (row: Row): PolicyRow => ({
  peer_id: text(row, "peer_id"),
  source: text(row, "source"),
  policy: oneOf(row, "policy", policies),
});
