/**
 * Recognizes a connection pooler (PgBouncer) in transaction mode, where a connection's state does not stay with its client:
 * LISTEN succeeds and nothing is ever heard, and locks and settings go to others.
 */
import pg from "pg";
import { storeError, transactionMode } from "./postgres-errors.ts";
import { connectionOptions, patienceOf } from "./postgres-url.ts";

const ROUNDS = 4;
const PID = "SELECT pg_backend_pid() AS pid";

/** Throws `bad_request` when two connections that are open at the same time share a server process. */
export async function requireOwnConnections(url: string): Promise<void> {
  const { statementMs } = patienceOf(url);
  const options = { ...connectionOptions(url), connectionTimeoutMillis: statementMs, query_timeout: statementMs };
  const clients = [new pg.Client(options), new pg.Client(options)] as const;
  const [first, second] = clients;
  const pidOf = async (client: pg.Client): Promise<unknown> => (await client.query(PID)).rows[0]?.pid;
  try {
    for (const client of clients) client.on("error", () => {});
    for (const client of clients) await client.connect();
    const pid = await pidOf(first);
    let isShared = false;
    for (let i = 0; i < ROUNDS && !isShared; i++) {
      await second.query("BEGIN");
      // In transaction mode the server process that was released last is the next to be used. Others may have been faster.
      isShared = (await pidOf(second)) === pid || (await pidOf(first)) !== pid;
      await second.query("ROLLBACK");
    }
    if (!isShared) return;
  } catch (error) {
    throw storeError(error);
  } finally {
    for (const client of clients) void client.end().catch(() => {});
  }
  throw transactionMode();
}
