/** Statements about the history of peers' presence. */
import { type Presence, presences } from "../rules/presence.ts";
import { idLists, integer, oneOf, placeholders, text } from "./row.ts";
import type { Row, Sql } from "./store.ts";

/** From when on a peer's presence was `state`, until its next span begins. */
export interface Span {
  peer_id: string;
  from_at: number;
  state: Presence;
}

const toSpan = (row: Row): Span => ({
  peer_id: text(row, "peer_id"),
  from_at: integer(row, "from_at"),
  state: oneOf(row, "state", presences),
});

/** Begins a span. Of several that begin within one millisecond, the last one counts. */
export async function putSpan(sql: Sql, { peer_id, from_at, state }: Span): Promise<void> {
  await sql(
    `INSERT INTO presence_spans (span_id, peer_id, from_at, state) VALUES ($1, $2, $3, $4)
     ON CONFLICT (span_id) DO UPDATE SET state = excluded.state`,
    `${peer_id}-${from_at}`,
    peer_id,
    from_at,
    state,
  );
}

/** The latest span of each of these peers, or the latest that began at `at` or before. */
export async function spansAt(sql: Sql, peerIds: readonly string[], at: number): Promise<Map<string, Span>> {
  const spans = new Map<string, Span>();
  for (const ids of idLists(peerIds)) {
    // The index leads to the last span of each peer, however many there are.
    const rows = await sql(
      `SELECT s.peer_id, s.from_at, s.state FROM peers p JOIN presence_spans s ON s.span_id = (
         SELECT l.span_id FROM presence_spans l WHERE l.peer_id = p.peer_id AND l.from_at <= $1
         ORDER BY l.from_at DESC LIMIT 1)
       WHERE p.peer_id IN (${placeholders(ids.length, 2)})`,
      at,
      ...ids,
    );
    for (const span of rows.map(toSpan)) spans.set(span.peer_id, span);
  }
  return spans;
}

export interface SpanFilter {
  since: number;
  until: number;
  peer: string | undefined;
  after: { from_at: number; peer_id: string } | undefined;
  limit: number;
}

/** Spans that overlap a time, by peer and in order; of peers that are not removed. */
export async function spansIn(
  sql: Sql,
  { since, until, peer, after, limit }: SpanFilter,
): Promise<(Span & { name: string })[]> {
  const rows = await sql(
    `SELECT s.peer_id, p.name, s.from_at, s.state FROM peers p JOIN presence_spans s ON s.peer_id = p.peer_id
     WHERE p.removed_at IS NULL AND (p.peer_id = $1 OR $1 = '') AND s.from_at <= $2
       AND s.from_at >= coalesce((SELECT l.from_at FROM presence_spans l WHERE l.peer_id = p.peer_id AND l.from_at <= $3
         ORDER BY l.from_at DESC LIMIT 1), $3)
       AND (s.peer_id > $4 OR (s.peer_id = $4 AND s.from_at > $5))
     ORDER BY s.peer_id, s.from_at LIMIT $6`,
    peer ?? "",
    until,
    since,
    after?.peer_id ?? "",
    after?.from_at ?? 0,
    limit,
  );
  return rows.map((row) => ({ name: text(row, "name"), ...toSpan(row) }));
}

/** Deletes spans that ended before `before`, oldest first; returns how many. What a peer's presence was then stays known. */
export async function deleteOldSpans(sql: Sql, before: number, limit: number): Promise<number> {
  const rows = await sql(
    `DELETE FROM presence_spans WHERE span_id IN (
       SELECT s.span_id FROM presence_spans s WHERE s.from_at <= $1 AND EXISTS (
         SELECT 1 FROM presence_spans n WHERE n.peer_id = s.peer_id AND n.from_at > s.from_at AND n.from_at <= $1)
       ORDER BY s.from_at LIMIT $2)
     RETURNING span_id`,
    before,
    limit,
  );
  return rows.length;
}
