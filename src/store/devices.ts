/** Statements about devices and invitations. */
import { type Scope, scopes } from "../rules/devices.ts";
import { integer, integerOrNull, oneOf, placeholders, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

/** Another machine with its own token. */
export interface Device {
  device_id: string;
  name: string;
  scope: Scope;
  created_at: number;
  last_seen: number | null;
  revoked_at: number | null;
  /** The device with whose token this one was let in; `null`: the broker's own machine did it. */
  made_by: string | null;
}

const COLUMNS = "device_id, name, scope, created_at, last_seen, revoked_at, made_by";

function toDevice(row: Row): Device {
  return {
    device_id: text(row, "device_id"),
    name: text(row, "name"),
    scope: oneOf(row, "scope", scopes),
    created_at: integer(row, "created_at"),
    last_seen: integerOrNull(row, "last_seen"),
    revoked_at: integerOrNull(row, "revoked_at"),
    made_by: textOrNull(row, "made_by"),
  };
}

export async function insertDevice(sql: Sql, device: Device, tokenHash: string): Promise<void> {
  await sql(
    `INSERT INTO devices (device_id, name, scope, token_hash, created_at, last_seen, revoked_at, made_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    device.device_id,
    device.name,
    device.scope,
    tokenHash,
    device.created_at,
    device.last_seen,
    device.revoked_at,
    device.made_by,
  );
}

/** Updates the mutable columns of a device. */
export async function updateDevice(sql: Sql, device: Device): Promise<void> {
  await sql(
    "UPDATE devices SET name = $2, last_seen = $3, revoked_at = $4 WHERE device_id = $1",
    device.device_id,
    device.name,
    device.last_seen,
    device.revoked_at,
  );
}

/**
 * Keeps a device from being revoked while this transaction runs, whatever its isolation: both write its row. Returns whether it is
 * in use.
 */
export async function holdDevice(sql: Sql, deviceId: string): Promise<boolean> {
  const rows = await sql(
    "UPDATE devices SET name = name WHERE device_id = $1 AND revoked_at IS NULL RETURNING device_id",
    deviceId,
  );
  return rows.length > 0;
}

/** The device with this id, unless revoked. */
export async function deviceInUse(sql: Sql, deviceId: string): Promise<Device | undefined> {
  const [row] = await sql(`SELECT ${COLUMNS} FROM devices WHERE device_id = $1 AND revoked_at IS NULL`, deviceId);
  return row && toDevice(row);
}

/** The device with this name, unless revoked. */
export async function deviceNamed(sql: Sql, name: string): Promise<Device | undefined> {
  const [row] = await sql(`SELECT ${COLUMNS} FROM devices WHERE name = $1 AND revoked_at IS NULL`, name);
  return row && toDevice(row);
}

/** The device with this token, unless revoked. */
export async function deviceByToken(sql: Sql, tokenHash: string): Promise<Device | undefined> {
  const [row] = await sql(`SELECT ${COLUMNS} FROM devices WHERE token_hash = $1 AND revoked_at IS NULL`, tokenHash);
  return row && toDevice(row);
}

/** The hashes of the tokens of devices that are not revoked, those last used first. */
export async function usedTokenHashes(sql: Sql, limit: number): Promise<string[]> {
  const rows = await sql(
    "SELECT token_hash FROM devices WHERE revoked_at IS NULL ORDER BY coalesce(last_seen, created_at) DESC LIMIT $1",
    limit,
  );
  return rows.map((row) => text(row, "token_hash"));
}

/** The stored hashes of tokens and invitations that begin with these hexadecimal characters, revoked and used ones too. */
export async function tokenHashesWith(sql: Sql, start: string): Promise<string[]> {
  // A range, which the indexes of both databases serve; "g" comes after every hexadecimal digit.
  const rows = await sql(
    `SELECT token_hash AS hash FROM devices WHERE token_hash >= $1 AND token_hash < $2
     UNION ALL SELECT code_hash AS hash FROM invitations WHERE code_hash >= $1 AND code_hash < $2`,
    start,
    `${start}g`,
  );
  return rows.map((row) => text(row, "hash"));
}

/** The revoked ones among these devices. */
export async function revokedAmong(sql: Sql, deviceIds: readonly string[]): Promise<string[]> {
  if (deviceIds.length === 0) return [];
  const rows = await sql(
    `SELECT device_id FROM devices WHERE revoked_at IS NOT NULL AND device_id IN (${placeholders(deviceIds.length)})`,
    ...deviceIds,
  );
  return rows.map((row) => text(row, "device_id"));
}

/** All devices, also revoked ones, oldest first. */
export async function allDevices(sql: Sql): Promise<Device[]> {
  return (await sql(`SELECT ${COLUMNS} FROM devices ORDER BY created_at, device_id`)).map(toDevice);
}

/** One page of devices, oldest first, with the number of their live sessions. `revoked`: also revoked ones. */
export async function listDevices(
  sql: Sql,
  revoked: boolean,
  after: { created_at: number; device_id: string } | undefined,
  limit: number,
): Promise<(Device & { peers: number })[]> {
  const rows = await sql(
    `SELECT ${COLUMNS}, (SELECT count(*) FROM peers p
       WHERE p.device_id = devices.device_id AND p.device_id IS NOT NULL AND p.presence <> 'offline') AS peers
     FROM devices WHERE (revoked_at IS NULL OR $1 = 1) AND (created_at > $2 OR (created_at = $2 AND device_id > $3))
     ORDER BY created_at, device_id LIMIT $4`,
    revoked ? 1 : 0,
    after?.created_at ?? 0,
    after?.device_id ?? "",
    limit,
  );
  return rows.map((row) => ({ ...toDevice(row), peers: integer(row, "peers") }));
}

export interface InvitationRow {
  scope: Scope;
  expires_at: number;
  used_at: number | null;
  /** The device that made it; `null`: the broker's own machine did. */
  made_by: string | null;
}

/** Deletes invitations that expired more than a day ago. Used ones are visible as devices. */
export async function deleteOldInvitations(sql: Sql, now: number): Promise<void> {
  await sql("DELETE FROM invitations WHERE expires_at < $1", now - 24 * 3_600_000);
}

/**
 * Deletes devices that were revoked at `before` or earlier; returns how many. Their tokens open nothing either way. One that
 * made others stays as long as these, because they can be revoked with it.
 */
export async function deleteRevokedDevices(sql: Sql, before: number, limit: number): Promise<number> {
  const rows = await sql(
    `DELETE FROM devices WHERE device_id IN (
       SELECT d.device_id FROM devices d WHERE d.revoked_at IS NOT NULL AND d.revoked_at <= $1
         AND NOT EXISTS (SELECT 1 FROM devices m WHERE m.made_by = d.device_id) ORDER BY d.revoked_at LIMIT $2)
     RETURNING device_id`,
    before,
    limit,
  );
  return rows.length;
}

export async function insertInvitation(
  sql: Sql,
  codeHash: string,
  scope: Scope,
  now: number,
  expiresAt: number,
  madeBy: string | null,
): Promise<void> {
  await sql(
    "INSERT INTO invitations (code_hash, scope, created_at, expires_at, made_by) VALUES ($1, $2, $3, $4, $5)",
    codeHash,
    scope,
    now,
    expiresAt,
    madeBy,
  );
}

export async function findInvitation(sql: Sql, codeHash: string): Promise<InvitationRow | undefined> {
  const [row] = await sql("SELECT scope, expires_at, used_at, made_by FROM invitations WHERE code_hash = $1", codeHash);
  return (
    row && {
      scope: oneOf(row, "scope", scopes),
      expires_at: integer(row, "expires_at"),
      used_at: integerOrNull(row, "used_at"),
      made_by: textOrNull(row, "made_by"),
    }
  );
}

/** How many invitations of these devices still let somebody in. */
export async function countInvitationsOf(sql: Sql, deviceIds: readonly string[], now: number): Promise<number> {
  const [row] = await sql(
    `SELECT count(*) AS open FROM invitations
     WHERE used_at IS NULL AND expires_at > $1 AND made_by IN (${placeholders(deviceIds.length, 2)})`,
    now,
    ...deviceIds,
  );
  return row ? integer(row, "open") : 0;
}

/** Ends the unused invitations of these devices. */
export async function endInvitationsOf(sql: Sql, deviceIds: readonly string[], now: number): Promise<void> {
  await sql(
    `UPDATE invitations SET expires_at = $1
     WHERE used_at IS NULL AND expires_at > $1 AND made_by IN (${placeholders(deviceIds.length, 2)})`,
    now,
    ...deviceIds,
  );
}

export async function useInvitation(sql: Sql, codeHash: string, now: number): Promise<void> {
  await sql("UPDATE invitations SET used_at = $2 WHERE code_hash = $1", codeHash, now);
}
