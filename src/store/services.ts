/** Statements about services. */
import { healths } from "../rules/services.ts";
import { integer, integerOrNull, oneOf, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

export interface Service {
  service_id: string;
  kind: string;
  name: string;
  url: string;
  health_path: string | null;
  host: string;
  /** Its place, `host:port`; unique. */
  endpoint: string;
  /** `peer_id`, or `operator`. */
  owner: string;
  /** Its running command renews it (column `held`). Heartbeats of the owner renew only the others. */
  self_renewing: boolean;
  /** Milliseconds. */
  ttl: number;
  registered_at: number;
  renewed_at: number;
  health: (typeof healths)[number];
  health_at: number | null;
  /** Since when the probes have had this result. */
  health_since: number | null;
}

export type OwnedService = Service & { owner_name: string };

/** The operator is not a peer, so its name is not in the table. */
const SELECT = `SELECT s.service_id, s.kind, s.name, s.url, s.health_path, s.host, s.endpoint, s.owner, s.held, s.ttl, s.registered_at,
    s.renewed_at, s.health, s.health_at, s.health_since, coalesce(p.name, s.owner) AS owner_name
  FROM services s LEFT JOIN peers p ON p.peer_id = s.owner`;

function toService(row: Row): OwnedService {
  return {
    service_id: text(row, "service_id"),
    kind: text(row, "kind"),
    name: text(row, "name"),
    url: text(row, "url"),
    health_path: textOrNull(row, "health_path"),
    host: text(row, "host"),
    endpoint: text(row, "endpoint"),
    owner: text(row, "owner"),
    self_renewing: integer(row, "held") === 1,
    ttl: integer(row, "ttl"),
    registered_at: integer(row, "registered_at"),
    renewed_at: integer(row, "renewed_at"),
    health: oneOf(row, "health", healths),
    health_at: integerOrNull(row, "health_at"),
    health_since: integerOrNull(row, "health_since"),
    owner_name: text(row, "owner_name"),
  };
}

export async function insertService(sql: Sql, service: Service): Promise<void> {
  await sql(
    `INSERT INTO services (service_id, kind, name, url, health_path, host, endpoint, owner, held, ttl, registered_at, renewed_at, health, health_at, health_since)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
    service.service_id,
    service.kind,
    service.name,
    service.url,
    service.health_path,
    service.host,
    service.endpoint,
    service.owner,
    service.self_renewing ? 1 : 0,
    service.ttl,
    service.registered_at,
    service.renewed_at,
    service.health,
    service.health_at,
    service.health_since,
  );
}

/** Updates the mutable columns of a service; place and owner never change. */
export async function updateService(sql: Sql, service: Service): Promise<void> {
  await sql(
    `UPDATE services SET kind = $2, name = $3, url = $4, health_path = $5, ttl = $6, renewed_at = $7, health = $8,
       health_at = $9, health_since = $10 WHERE service_id = $1`,
    service.service_id,
    service.kind,
    service.name,
    service.url,
    service.health_path,
    service.ttl,
    service.renewed_at,
    service.health,
    service.health_at,
    service.health_since,
  );
}

export async function deleteService(sql: Sql, serviceId: string): Promise<void> {
  await sql("DELETE FROM services WHERE service_id = $1", serviceId);
}

export async function deleteServicesOf(sql: Sql, owner: string): Promise<void> {
  await sql("DELETE FROM services WHERE owner = $1", owner);
}

export async function findService(sql: Sql, serviceId: string): Promise<OwnedService | undefined> {
  const [row] = await sql(`${SELECT} WHERE s.service_id = $1`, serviceId);
  return row && toService(row);
}

/** The service at a place; there is at most one. */
export async function findServiceAt(sql: Sql, endpoint: string): Promise<OwnedService | undefined> {
  const [row] = await sql(`${SELECT} WHERE s.endpoint = $1`, endpoint);
  return row && toService(row);
}

/** When the sweep removes a service: stale for another TTL, at least a minute (`isRemovable`). There is an index on it. */
const REMOVED_AT = "(s.renewed_at + s.ttl + CASE WHEN s.ttl > 60000 THEN s.ttl ELSE 60000 END)";

/** All services that are not removed at `now`, oldest first. */
export async function allServices(sql: Sql, now: number): Promise<OwnedService[]> {
  return (await sql(`${SELECT} WHERE ${REMOVED_AT} > $1 ORDER BY s.registered_at, s.service_id`, now)).map(toService);
}

/** Services that do not answer, or are not renewed, and are not removed yet. */
export async function troubledServices(sql: Sql, now: number, limit: number): Promise<OwnedService[]> {
  const rows = await sql(
    `${SELECT} WHERE ${REMOVED_AT} > $1 AND (s.health = 'unhealthy' OR s.renewed_at + s.ttl <= $1)
     ORDER BY s.registered_at, s.service_id LIMIT $2`,
    now,
    limit,
  );
  return rows.map(toService);
}

export interface ServiceFilter {
  /** In lower case; empty: all kinds. */
  kind: string;
  /** Only those that are not removed then. */
  now: number;
  after: { registered_at: number; service_id: string } | undefined;
  limit: number;
}

/** One page of services, oldest first. */
export async function listServices(sql: Sql, { kind, now, after, limit }: ServiceFilter): Promise<OwnedService[]> {
  const rows = await sql(
    `${SELECT} WHERE ${REMOVED_AT} > $1 AND ($2 = '' OR lower(s.kind) = $2)
       AND (s.registered_at > $3 OR (s.registered_at = $3 AND s.service_id > $4))
     ORDER BY s.registered_at, s.service_id LIMIT $5`,
    now,
    kind,
    after?.registered_at ?? 0,
    after?.service_id ?? "",
    limit,
  );
  return rows.map(toService);
}

export async function countServices(sql: Sql): Promise<number> {
  const [row] = await sql("SELECT count(*) AS services FROM services");
  return row ? integer(row, "services") : 0;
}

export async function servicesOf(sql: Sql, owner: string): Promise<OwnedService[]> {
  return (await sql(`${SELECT} WHERE s.owner = $1`, owner)).map(toService);
}

/** Services that were not renewed for so long that they are removed. */
export async function goneServices(sql: Sql, now: number): Promise<OwnedService[]> {
  return (await sql(`${SELECT} WHERE ${REMOVED_AT} <= $1 LIMIT 1000`, now)).map(toService);
}
