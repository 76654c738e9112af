/** The listing of peers, in pages. */
import { WAITING } from "./inbox.ts";
import { OPEN } from "./messages.ts";
import { IS_SESSION, type ListedPeer, PEER, toListedPeer } from "./peers.ts";
import { integer } from "./row.ts";
import type { Sql } from "./store.ts";

interface PeerFilter {
  /** The viewer: comes first. */
  me: string;
  /** Only members of this pool. */
  pool_id: string | undefined;
  /** Only peers of this machine. */
  host: string | undefined;
  /** Only peers of one repository: clones of the same remote, or the same place. */
  repo: { remote: string | null; host: string; place: string } | undefined;
  /** Peers that were seen since are listed. Without mail, older ones are only listed while they are live, and in their pools. */
  since: number;
}

interface PageFilter extends PeerFilter {
  /** Only those who have a session, and the viewer. */
  live: boolean;
  after: PeerPlace | undefined;
  limit: number;
}

/** The order of listings: the viewer, those who have a session, the others; each oldest first. */
export interface PeerPlace {
  rank: number;
  created_at: number;
  peer_id: string;
}

/** One page of peers, with the number of waiting messages. */
export async function listPeers(sql: Sql, filter: PageFilter): Promise<(ListedPeer & PeerPlace)[]> {
  const { me, live, after, limit } = filter;
  const RANK = "CASE WHEN peer_id = $1 THEN 0 WHEN presence <> 'offline' THEN 1 ELSE 2 END";
  const values: (string | number)[] = [me, after?.rank ?? -1, after?.created_at ?? 0, after?.peer_id ?? "", limit];
  const conditions = [
    `(${RANK} > $2 OR (${RANK} = $2 AND (created_at > $3 OR (created_at = $3 AND peer_id > $4))))`,
    ...(live ? ["(presence <> 'offline' OR peer_id = $1)"] : []),
    ...conditionsOf(filter, values),
  ];
  // The page first: counting mail and reading whole rows is only for those.
  const rows = await sql(
    `SELECT ${PEER}, ${WAITING} AS waiting, ${RANK} AS rank FROM peers WHERE peer_id IN (
       SELECT peer_id FROM peers WHERE ${conditions.join(" AND ")} ORDER BY ${RANK}, created_at, peer_id LIMIT $5)
     ORDER BY ${RANK}, created_at, peer_id`,
    ...values,
  );
  return rows.map((row) => ({ rank: integer(row, "rank"), ...toListedPeer(row) }));
}

/** The number of peers without a session, the viewer not counted. */
export async function countAway(sql: Sql, filter: PeerFilter): Promise<number> {
  const values: (string | number)[] = [filter.me];
  const conditions = ["presence = 'offline' AND peer_id <> $1", ...conditionsOf(filter, values)];
  const [row] = await sql(`SELECT count(*) AS peers FROM peers WHERE ${conditions.join(" AND ")}`, ...values);
  return row ? integer(row, "peers") : 0;
}

/** Adds its values to `values`. */
function conditionsOf({ pool_id, host, repo, since }: PeerFilter, values: (string | number)[]): string[] {
  const bound = (value: string | number): string => `$${values.push(value)}`;
  return [
    `removed_at IS NULL AND ${IS_SESSION}`,
    pool_id === undefined
      ? `(presence <> 'offline' OR last_seen > ${bound(since)} OR EXISTS (
           SELECT 1 FROM deliveries d WHERE d.peer_id = peers.peer_id AND d.state IN ('queued', 'claimed') AND ${OPEN}))`
      : `peer_id IN (SELECT m.peer_id FROM members m WHERE m.pool_id = ${bound(pool_id)} AND m.left_at IS NULL)`,
    ...(host === undefined ? [] : [`host = ${bound(host)}`]),
    ...(repo === undefined ? [] : [sameRepo(repo, bound)]),
  ];
}

function sameRepo({ remote, host, place }: NonNullable<PeerFilter["repo"]>, bound: (value: string) => string): string {
  const here = `(host = ${bound(host)} AND coalesce(repo, cwd) = ${bound(place)})`;
  return remote === null ? here : `(remote = ${bound(remote)} OR (remote IS NULL AND ${here}))`;
}
