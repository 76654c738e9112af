/** Who has a name, whether mail still waits for it, and who is live near a peer that is away. */

import { HELD, UNDELIVERED } from "./messages.ts";
import { PEER, type Peer, toPeer } from "./peers.ts";
import { WAITS } from "./removal.ts";
import { integer, text } from "./row.ts";
import type { Sql } from "./store.ts";

/** `has_mail`: messages wait for it, held ones too; the broker's own reports do not count. */
export type NamedPeer = Peer & { has_mail: boolean };

/** Peers with this name, or with a name that starts with `stem`. */
export async function peersNamedLike(sql: Sql, name: string, stem: string): Promise<NamedPeer[]> {
  // Names contain no character above "z".
  const rows = await sql(
    `SELECT ${PEER}, CASE WHEN ${WAITS(UNDELIVERED)} OR ${WAITS(HELD)} THEN 1 ELSE 0 END AS has_mail FROM peers p
     WHERE name_key = $1 OR (name_key >= $2 AND name_key < $3)`,
    name.toLowerCase(),
    stem.toLowerCase(),
    `${stem.toLowerCase()}{`,
  );
  return rows.map((row) => ({ ...toPeer(row), has_mail: integer(row, "has_mail") === 1 }));
}

/** The names of active pools that everybody may know of: this name, and those that start with `stem`. */
export async function poolsNamedLike(sql: Sql, name: string, stem: string): Promise<string[]> {
  const rows = await sql(
    `SELECT name FROM pools WHERE (active_name = $1 OR (active_name >= $2 AND active_name < $3)) AND private = 0`,
    name.toLowerCase(),
    stem.toLowerCase(),
    `${stem.toLowerCase()}{`,
  );
  return rows.map((row) => text(row, "name"));
}

/** Of each kind, and of all together. */
const MAX_NEAR = 50;
const live = (condition: string): string =>
  `SELECT * FROM (SELECT peer_id FROM peers WHERE presence <> 'offline' AND ${condition} LIMIT ${MAX_NEAR}) near`;
// Each by an index of its own, in whose order it ends: with numbers at the end come first of the names.
const NEAR = `SELECT ${PEER} FROM peers WHERE peer_id <> $1 AND peer_id IN (
    ${live("name_key >= $2 AND name_key < $3 ORDER BY name_key")}
    UNION ALL ${live("host = $4 AND cwd = $5")}
    UNION ALL ${live("host = $4 AND repo = $6")}
    UNION ALL ${live("remote = $7")})
  ORDER BY created_at, peer_id LIMIT ${MAX_NEAR}`;

/** Live peers with a name that starts with `stem`, and those in the folder or the repository of `peer`; a bounded number. */
export async function livePeersNear(sql: Sql, peer: Peer, stem: string): Promise<Peer[]> {
  const rows = await sql(
    NEAR,
    peer.peer_id,
    stem,
    // Names contain no character above "z".
    `${stem}{`,
    peer.host,
    peer.cwd,
    peer.repo ?? "",
    peer.remote ?? "",
  );
  return rows.map(toPeer);
}
