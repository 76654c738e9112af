/** Statements about browsers that are logged in at the page, and about the codes of logins. */
import { integer, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

export interface Browser {
  browser_id: string;
  name: string;
  /** Whose authority it has; `null`: that of the broker's own home. */
  device_id: string | null;
  /** That authority holds on other machines too: the operator let this browser in there. */
  on_network: boolean;
  created_at: number;
  last_seen: number;
}

const COLUMNS = "browser_id, name, device_id, on_network, created_at, last_seen";

const toBrowser = (row: Row): Browser => ({
  browser_id: text(row, "browser_id"),
  name: text(row, "name"),
  device_id: textOrNull(row, "device_id"),
  on_network: integer(row, "on_network") === 1,
  created_at: integer(row, "created_at"),
  last_seen: integer(row, "last_seen"),
});

export async function insertBrowser(sql: Sql, browser: Browser, tokenHash: string): Promise<void> {
  await sql(
    `INSERT INTO browsers (browser_id, name, token_hash, device_id, on_network, created_at, last_seen)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    browser.browser_id,
    browser.name,
    tokenHash,
    browser.device_id,
    browser.on_network ? 1 : 0,
    browser.created_at,
    browser.last_seen,
  );
}

/** The browser with this cookie, if it was seen after `since`. */
export async function browserByToken(sql: Sql, tokenHash: string, since: number): Promise<Browser | undefined> {
  const [row] = await sql(`SELECT ${COLUMNS} FROM browsers WHERE token_hash = $1 AND last_seen > $2`, tokenHash, since);
  return row && toBrowser(row);
}

/** Whether the browser's login holds: it was seen after `since`. */
export async function isLoggedIn(sql: Sql, browserId: string, since: number): Promise<boolean> {
  const rows = await sql("SELECT browser_id FROM browsers WHERE browser_id = $1 AND last_seen > $2", browserId, since);
  return rows.length > 0;
}

/** The hashes of the cookies of browsers that were seen after `since`, those last seen first. */
export async function usedCookieHashes(sql: Sql, since: number, limit: number): Promise<string[]> {
  const rows = await sql(
    "SELECT token_hash FROM browsers WHERE last_seen > $1 ORDER BY last_seen DESC LIMIT $2",
    since,
    limit,
  );
  return rows.map((row) => text(row, "token_hash"));
}

/** All browsers that were seen after `since`, the one that was seen last first. Their number is bounded. */
export async function browsersSince(sql: Sql, since: number): Promise<Browser[]> {
  const rows = await sql(
    `SELECT ${COLUMNS} FROM browsers WHERE last_seen > $1 ORDER BY last_seen DESC, browser_id`,
    since,
  );
  return rows.map(toBrowser);
}

export async function recordBrowserSeen(sql: Sql, browserId: string, now: number): Promise<void> {
  await sql("UPDATE browsers SET last_seen = $2 WHERE browser_id = $1 AND last_seen < $2", browserId, now);
}

/** Ends the login of a browser. */
export async function deleteBrowser(sql: Sql, browserId: string): Promise<void> {
  await sql("DELETE FROM browsers WHERE browser_id = $1", browserId);
}

/** Deletes logins that ended at `before` or earlier, and codes that expired. */
export async function deleteEndedLogins(sql: Sql, before: number, now: number): Promise<void> {
  await sql("DELETE FROM browsers WHERE last_seen <= $1", before);
  await sql("DELETE FROM page_codes WHERE expires_at <= $1", now);
}

/** Keeps those browsers of an owner that were seen last, and always `newest`; returns the ids of the others. */
export async function deleteBrowsersBeyond(
  sql: Sql,
  deviceId: string | null,
  most: number,
  newest: string,
): Promise<string[]> {
  const rows = await sql(
    `DELETE FROM browsers WHERE coalesce(device_id, '') = $1 AND browser_id NOT IN (
       SELECT browser_id FROM browsers WHERE coalesce(device_id, '') = $1
       ORDER BY CASE WHEN browser_id = $3 THEN 0 ELSE 1 END, last_seen DESC, browser_id LIMIT $2)
     RETURNING browser_id`,
    deviceId ?? "",
    most,
    newest,
  );
  return rows.map((row) => text(row, "browser_id"));
}

/** Ends the logins of a device, and its open codes. */
export async function deleteLoginsOf(sql: Sql, deviceId: string): Promise<void> {
  await sql("DELETE FROM browsers WHERE device_id = $1", deviceId);
  await sql("DELETE FROM page_codes WHERE device_id = $1", deviceId);
}

/** What a code grants: the authority of a device, or of the home, and whether that holds on other machines too. */
export type Granted = Pick<Browser, "device_id" | "on_network">;

export async function insertCode(sql: Sql, codeHash: string, granted: Granted, expiresAt: number): Promise<void> {
  await sql(
    "INSERT INTO page_codes (code_hash, device_id, on_network, expires_at) VALUES ($1, $2, $3, $4)",
    codeHash,
    granted.device_id,
    granted.on_network ? 1 : 0,
    expiresAt,
  );
}

export async function countCodes(sql: Sql, deviceId: string | null, now: number): Promise<number> {
  const [row] = await sql(
    "SELECT count(*) AS open FROM page_codes WHERE coalesce(device_id, '') = $1 AND expires_at > $2",
    deviceId ?? "",
    now,
  );
  return row ? integer(row, "open") : 0;
}

/** Takes a code, so that nobody can use it again. `undefined`: there is none, or it expired. */
export async function takeCode(sql: Sql, codeHash: string, now: number): Promise<Granted | undefined> {
  const [row] = await sql(
    "DELETE FROM page_codes WHERE code_hash = $1 AND expires_at > $2 RETURNING device_id, on_network",
    codeHash,
    now,
  );
  return row && { device_id: textOrNull(row, "device_id"), on_network: integer(row, "on_network") === 1 };
}
