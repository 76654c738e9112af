/** Statements about inbound policies. */
import { type Policy, policies } from "../rules/delivery.ts";
import { grouped } from "../rules/grouped.ts";
import { byLength, idLists, oneOf, placeholders, text, textOrNull } from "./row.ts";
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

export async function deletePolicy(sql: Sql, peerId: string, source: string): Promise<void> {
  await sql("DELETE FROM policies WHERE peer_id = $1 AND source = $2", peerId, source);
}

/** A policy with the names of its mailbox and of its source. */
export interface NamedPolicy extends PolicyRow {
  name: string;
  /** Of a peer, or of a person, whose host is empty. */
  from_name: string | null;
  from_host: string | null;
  /** The name of the pool. */
  from_pool: string | null;
}

/** One page of policies, of one peer or of all, in the order of their ids. */
export async function policyPage(
  sql: Sql,
  peerId: string | undefined,
  after: { peer_id: string; source: string },
  limit: number,
): Promise<NamedPolicy[]> {
  const rows = await sql(
    `SELECT l.peer_id, l.source, l.policy, p.name, s.name AS from_name, s.host AS from_host, w.name AS from_pool
     FROM policies l JOIN peers p ON p.peer_id = l.peer_id
     LEFT JOIN peers s ON s.peer_id = l.source LEFT JOIN pools w ON w.pool_id = l.source
     WHERE (l.peer_id > $1 OR (l.peer_id = $1 AND l.source > $2)) ${peerId === undefined ? "" : "AND l.peer_id = $4"}
     ORDER BY l.peer_id, l.source LIMIT $3`,
    after.peer_id,
    after.source,
    limit,
    ...(peerId === undefined ? [] : [peerId]),
  );
  return rows.map((row) => ({
    name: text(row, "name"),
    from_name: textOrNull(row, "from_name"),
    from_host: textOrNull(row, "from_host"),
    from_pool: textOrNull(row, "from_pool"),
    ...toPolicy(row),
  }));
}

const POLICIES_OF = byLength(
  (count) => `SELECT peer_id, source, policy FROM policies WHERE peer_id IN (${placeholders(count)})`,
);

/** The policies of each of these peers; without those that have none. */
export async function policiesOfAll(sql: Sql, peerIds: readonly string[]): Promise<Map<string, PolicyRow[]>> {
  const all: PolicyRow[] = [];
  for (const ids of idLists(peerIds)) {
    const rows = await sql(POLICIES_OF(ids.length), ...ids);
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
