/** Statements about inbound policies. */
import { type Policy, policies } from "../rules/delivery.ts";
import { oneOf, text } from "./row.ts";
import type { Sql } from "./store.ts";

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

export async function policiesOf(sql: Sql, peerId: string): Promise<PolicyRow[]> {
  const rows = await sql("SELECT peer_id, source, policy FROM policies WHERE peer_id = $1 ORDER BY source", peerId);
  return rows.map((row) => ({
    peer_id: text(row, "peer_id"),
    source: text(row, "source"),
    policy: oneOf(row, "policy", policies),
  }));
}
