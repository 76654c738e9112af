/**
 * A dedicated PostgreSQL connection for LISTEN/NOTIFY between brokers and for reading the database's clock. It reconnects
 * with exponential backoff. Notifications sent while it is down are lost, so the listener catches up after `up`.
 */
import pg from "pg";
import { backoffMs } from "../../rules/backoff.ts";
import { connectionOptions, patienceOf } from "./postgres-url.ts";

/** Milliseconds since 1970 by the database's clock, as `now`. */
export const TIME = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now";

const CHANNEL = "cct";
const FIRST_PAUSE_MS = 100;

export interface NotificationListener {
  /** Connected and listening. */
  connected(): void;
  notified(payload: string): void;
  disconnected(error: Error): void;
}

export interface Notifications {
  /** Notifies every broker, including this one. Payloads of at most 7,999 bytes each. Resolves to whether it succeeded. */
  publish(payloads: readonly string[]): Promise<boolean>;
  /** The database's clock (milliseconds since 1970), half a round trip old; `undefined` when not connected. */
  time(): Promise<number | undefined>;
  close(): Promise<void>;
}

export function openNotifications(url: string, random: () => number, listener: NotificationListener): Notifications {
  const { connectMs, statementMs } = patienceOf(url);
  let client: pg.Client | undefined;
  let closed = false;
  let endPause = (): void => {};

  /** Connects and resolves when the connection has ended: to whether it was ever up. */
  async function connect(): Promise<boolean> {
    let wasUp = false;
    const opened = new pg.Client({
      ...connectionOptions(url),
      connectionTimeoutMillis: connectMs,
      query_timeout: statementMs,
    });
    let ended = (): void => {};
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    let problem = new Error("the connection ended");
    opened.on("error", (error) => {
      problem = error;
      ended();
    });
    opened.on("end", ended);
    opened.on("notification", ({ payload }) => listener.notified(payload ?? ""));
    try {
      await opened.connect();
      await opened.query(`LISTEN ${CHANNEL}`);
      if (closed) return false;
      client = opened;
      wasUp = true;
      listener.connected();
      await end;
    } catch (error) {
      problem = error instanceof Error ? error : new Error(String(error));
    } finally {
      client = undefined;
      // Do not await: a half-open connection never answers.
      void opened.end().catch(() => {});
    }
    if (!closed) listener.disconnected(problem);
    return wasUp;
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!closed) {
      failures = (await connect()) ? 0 : failures + 1;
      if (closed) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, backoffMs(failures, FIRST_PAUSE_MS, random()));
        endPause = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
  void run();

  let last: Promise<unknown> = Promise.resolve();

  /** Runs queries one at a time. */
  function ask(query: pg.QueryConfig): Promise<pg.QueryResult | undefined> {
    const answer = last.then(() => askNow(query));
    last = answer;
    return answer;
  }

  async function askNow(query: pg.QueryConfig): Promise<pg.QueryResult | undefined> {
    const asked = client;
    try {
      return await asked?.query(query);
    } catch (error) {
      // Treat the connection as dead, so that the loop reconnects.
      asked?.emit("error", error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
  }

  return {
    async publish(payloads) {
      const text = "SELECT pg_notify($1, said) FROM unnest($2::text[]) AS said";
      return (await ask({ name: "say", text, values: [CHANNEL, payloads] })) !== undefined;
    },
    async time() {
      const row: { now: string } | undefined = (await ask({ name: "time", text: TIME }))?.rows[0];
      return row && Number(row.now);
    },
    async close() {
      closed = true;
      endPause();
      await client?.end().catch(() => {});
    },
  };
}
