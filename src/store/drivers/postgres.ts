/**
 * The PostgreSQL driver, for any number of brokers: a connection pool, transactions serializable unless they ask for a
 * snapshot. A transaction is retried after a conflict, or when its connection breaks before COMMIT. A COMMIT whose answer
 * is lost is never retried: its outcome is unknown, and the caller gets an error that says so.
 */
import pg from "pg";
import { CctError } from "../../platform/errors.ts";
import { createSemaphore } from "../../platform/semaphore.ts";
import { backoffMs } from "../../rules/backoff.ts";
import { integer } from "../row.ts";
import type { Isolation, Sql, Store, StoreCounts } from "../store.ts";
import { circuitBreaker } from "./circuit-breaker.ts";
import {
  codeOf,
  commitOutcomeUnknown,
  isBroken,
  isConflict,
  isRetryable,
  isTimeout,
  storeError,
  tooBusy,
  UNIQUE,
} from "./postgres-errors.ts";
import { groupCommit } from "./postgres-group.ts";
import { TIME } from "./postgres-notifications.ts";
import { statementBuilder } from "./postgres-queries.ts";
import { statementQueue } from "./postgres-queue.ts";
import { connectionOptions, patienceOf } from "./postgres-url.ts";

export { openNotifications } from "./postgres-notifications.ts";
export { requireOwnConnections } from "./postgres-pooler.ts";
export { databaseName } from "./postgres-url.ts";

/** Attempts per transaction. The pauses between them add up to three seconds at most. */
const MAX_TRIES = 14;
/** After a unique violation, a retry sees the other row. Work that still inserts the same value has a bug of its own. */
const MAX_TRIES_UNIQUE = 3;
const FIRST_PAUSE_MS = 3;
const MAX_PAUSE_MS = 500;
/** The server cancels a statement after its time; the client gives up by so much later, when the server is gone. */
const LATER_MS = 1_000;
/** Transactions beyond this queue length fail at once. */
const MAX_QUEUE = 2_000;
/** From this attempt on, conflicting transactions of this broker run one at a time, which is faster on a hot row. */
const SERIAL_FROM_TRY = 3;
/** How long the circuit breaker stays open. */
const OPEN_MS = 200;
/**
 * Settings of each connection. Prepared statements are planned once, for all values: planning for the values at hand takes as
 * long as running the statement, and often for the worse, because values that are newer than the statistics look very rare. Whole
 * tables are read only where there is no index: with one full mailbox the planner expects to find a peer's first hundred messages
 * soon wherever it begins. It takes such a plan for so dear that it would be compiled, for longer than it runs.
 */
const settings = (statementMs: number): string => `SET statement_timeout = ${statementMs};
  SET idle_in_transaction_session_timeout = ${statementMs};
  SELECT set_config(name, CASE name WHEN 'plan_cache_mode' THEN 'force_generic_plan' ELSE 'off' END, false)
    FROM pg_settings WHERE name IN ('plan_cache_mode', 'enable_seqscan', 'jit')`;
/** Advisory lock for migrations: "cct" and an arbitrary number. */
const SCHEMA_LOCK = "7168372";

export interface PostgresOptions {
  url: string;
  /** Maximum number of connections. */
  pool: number;
  /** 0 to 1; jitter for the retry pauses. */
  random(): number;
}

export interface Postgres extends Store {
  counts(): StoreCounts;
  /** The database's clock: milliseconds since 1970. */
  time(): Promise<number>;
}

/** Creates the store without contacting the database; the first transaction connects. */
export function openPostgres({ url, pool: max, random }: PostgresOptions): Postgres {
  const { connectMs, statementMs } = patienceOf(url);
  const clientMs = statementMs + LATER_MS;
  /** For a free connection. */
  const queueMs = 2 * statementMs;
  const pool = new pg.Pool({
    ...connectionOptions(url),
    max,
    connectionTimeoutMillis: connectMs,
    keepAliveInitialDelayMillis: clientMs,
  });
  /** A query on a connection of the pool besides the queue. */
  const plain = (text: string): { text: string; query_timeout: number } => ({ text, query_timeout: clientMs });
  // The pool replaces broken connections. Without these listeners an "error" event would end the process.
  pool.on("error", () => {});
  pool.on("connect", (client) => {
    client.on("error", () => {});
    // Not when connecting: poolers reject parameters that they do not know. It runs before what the client is for.
    client.query(plain(settings(statementMs))).catch(() => {});
  });
  const toStatement = statementBuilder();
  const connections = createSemaphore(max);
  const serialLane = createSemaphore(1);
  const counts: StoreCounts = { retries: 0, conflicts: 0 };
  const circuit = circuitBreaker(OPEN_MS);
  let closing: Promise<void> | undefined;
  const running = new Set<Promise<unknown>>();

  async function connectClient(): Promise<pg.PoolClient> {
    try {
      return await pool.connect();
    } catch (error) {
      const known = storeError(error);
      const why =
        known instanceof CctError
          ? known
          : new CctError("store_failed", `The database cannot be used (${codeOf(error)}).`, "See its log.");
      circuit.failed(why);
      throw why;
    }
  }

  /** One attempt. Throws the error of `work`; returns `fault` for a database error after which nothing was changed. */
  async function attempt<T>(
    work: (sql: Sql) => Promise<T>,
    { before = [], begin, closes = false }: TransactionMode,
  ): Promise<{ done: T } | { fault: unknown }> {
    const leave = circuit.enter();
    const client = await connectClient().catch((error: unknown) => {
      leave();
      throw error;
    });
    let broken: Error | undefined;
    /** The first database error, even if `work` caught it: the transaction is aborted after it. */
    let fault: unknown;
    let committing = false;
    const queue = statementQueue(client, {
      timeoutMs: closes ? 0 : clientMs,
      defers: begin !== undefined,
      answered: circuit.succeeded,
      failed(error) {
        fault = error;
        if (isBroken(error)) broken = error as Error;
        if (isTimeout(error)) circuit.failed(storeError(error) as CctError);
      },
    });
    const sql: Sql = async (text, ...values) => queue.run(toStatement(text, values));
    try {
      for (const text of before) await queue.finish(toStatement(text, []));
      // It travels with the first statement of `work`.
      if (begin !== undefined) queue.defer(toStatement(begin, []));
      const done = await work(sql).finally(queue.close);
      if (fault !== undefined) throw fault;
      committing = true;
      if (begin !== undefined) await queue.finish(toStatement("COMMIT", []));
      return { done };
    } catch (error) {
      if (committing && broken) throw commitOutcomeUnknown();
      if (!broken && begin !== undefined && queue.hasBegun())
        broken = await client.query(plain("ROLLBACK")).then(nothing, (failed: Error) => failed);
      // A database error takes precedence: the error of `work` is a consequence of it.
      if (fault !== undefined) return { fault };
      throw error;
    } finally {
      // Given an error or `true`, the pool discards the connection.
      client.release(broken ?? closes);
      leave();
    }
  }

  async function run<T>(work: (sql: Sql) => Promise<T>, mode: TransactionMode): Promise<T> {
    let uniqueViolations = 0;
    for (let tries = 1; ; tries++) {
      circuit.check();
      if (connections.waiting() > MAX_QUEUE) throw tooBusy();
      const leaveLane = tries < SERIAL_FROM_TRY ? nothing : await serialLane.acquire(queueMs, tooBusy);
      const releaseConnection = await connections.acquire(queueMs, tooBusy).catch((error: unknown) => {
        leaveLane();
        throw error;
      });
      const result = await attempt(work, mode).finally(() => {
        releaseConnection();
        leaveLane();
      });
      if ("done" in result) return result.done;
      const { fault } = result;
      if (codeOf(fault) === UNIQUE) uniqueViolations++;
      if (!isRetryable(fault) || tries === MAX_TRIES || uniqueViolations === MAX_TRIES_UNIQUE) {
        if (isConflict(fault)) counts.conflicts++;
        throw storeError(fault);
      }
      counts.retries++;
      const pause = Math.min(MAX_PAUSE_MS, backoffMs(tries - 1, FIRST_PAUSE_MS, random()));
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  const insert = groupCommit((work) => run(work, SNAPSHOT));

  function begin<T>(start: () => Promise<T>): Promise<T> {
    if (closing) return Promise.reject(new CctError("unavailable", "The broker is shutting down.", "Try again soon."));
    const result = start();
    const settled = result.then(nothing, nothing);
    running.add(settled);
    void settled.then(() => running.delete(settled));
    return result;
  }

  return {
    isInOrder: false,
    tx: (work, isolation = "serial") =>
      begin(() => (isolation === "inserts" ? insert(work) : run(work, TRANSACTION[isolation]))),
    read: (work) => begin(() => run(work, NO_TRANSACTION)),
    exclusiveTx: (work) => begin(() => run(work, EXCLUSIVE)),
    time: () =>
      begin(() =>
        run(async (sql) => {
          const [row] = await sql(TIME);
          return row ? integer(row, "now") : Number.NaN;
        }, NO_TRANSACTION),
      ),
    counts: () => ({ ...counts }),
    size: () =>
      begin(() =>
        run(async (sql) => {
          const [row] = await sql("SELECT pg_database_size(current_database()) AS bytes");
          return row ? integer(row, "bytes") : 0;
        }, NO_TRANSACTION),
      ),
    close() {
      closing ??= Promise.all(running).then(() => pool.end());
      return closing;
    },
  };
}

const nothing = (): undefined => undefined;

/** The statements around a unit of work. */
interface TransactionMode {
  /** Run one by one before the transaction. */
  before?: readonly string[];
  /** Absent: no transaction. */
  begin?: string;
  /** Close the connection afterwards, which undoes the settings of `before`. No timeout applies: building an index takes long. */
  closes?: boolean;
}

const BEGIN = "BEGIN ISOLATION LEVEL SERIALIZABLE";
const SNAPSHOT: TransactionMode = { begin: "BEGIN ISOLATION LEVEL REPEATABLE READ" };
const TRANSACTION: Record<Exclude<Isolation, "inserts">, TransactionMode> = {
  serial: { begin: BEGIN },
  snapshot: SNAPSHOT,
};
const NO_TRANSACTION: TransactionMode = {};
/** The lock is taken before BEGIN, so that the snapshot includes the work of the previous holder. */
const EXCLUSIVE: TransactionMode = {
  before: ["SET statement_timeout = 0", `SELECT pg_advisory_lock(${SCHEMA_LOCK})`],
  begin: BEGIN,
  closes: true,
};
