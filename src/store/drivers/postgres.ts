/**
 * PostgreSQL behind the store's interface, for any number of brokers: a pool of connections, transactions serializable unless they ask for a snapshot.
 * One that met another is run again after a short pause; one whose connection broke before its commit, too. A commit
 * whose answer is lost is never repeated: nobody knows what became of it, and that is what its caller is told.
 */
import pg from "pg";
import { CctError } from "../../platform/errors.ts";
import { pauseAfter } from "../../rules/backoff.ts";
import { integer } from "../row.ts";
import { bindable, type Isolation, type Row, type Sql, type Store, type StoreCounts, type Value } from "../store.ts";
import { breaker } from "./breaker.ts";
import {
  codeOf,
  isBroken,
  isConflict,
  isPassing,
  isSilence,
  storeError,
  tooBusy,
  UNIQUE,
  unknownEnd,
} from "./postgres-errors.ts";
import { connectionOptions } from "./postgres-url.ts";
import { TIME } from "./postgres-wire.ts";
import { turns } from "./turns.ts";

export { databaseName } from "./postgres-url.ts";
export { openWire } from "./postgres-wire.ts";

/** How often a transaction is tried in all. The pauses between add up to three seconds at the most. */
const TRIES = 14;
/** Run again, work sees who has the value; when it wants it all the same, that is its own error. */
const TRIES_FOR_TAKEN = 3;
const FIRST_PAUSE_MS = 3;
const LONGEST_PAUSE_MS = 500;
/** The server gives up a statement after this; the client, when the server is not even there to do so, a little later. */
const STATEMENT_MS = 5_000;
const SILENCE_MS = 6_000;
/** How long a transaction waits for a new connection, and how long for one that others use. */
const CONNECT_MS = 3_000;
const PATIENCE_MS = 10_000;
/** More than these do not wait: they are told at once. */
const QUEUE = 2_000;
/** From this try on, transactions of this broker that met others go one at a time: where all want the same row, that is faster. */
const ONE_BY_ONE = 3;
/** After nobody answered, nobody is asked for so long. */
const REST_MS = 200;
/** The server keeps a plan for each text that it is told once. Past this many they are not kept: lists vary in length. */
const KEPT_STATEMENTS = 400;
/** What brings the schema up to date holds this lock: "cct" and a number of its own. */
const SCHEMA_LOCK = "7168372";

export interface PostgresOptions {
  url: string;
  /** Connections at the most. */
  pool: number;
  /** 0 to 1: spreads the pauses of many that wait for the same. */
  random(): number;
}

export interface Postgres extends Store {
  counts(): StoreCounts;
  /** The database's clock: milliseconds since 1970. */
  time(): Promise<number>;
}

/** Opens the database. Nothing is asked of it yet: whether it answers the first transaction tells. */
export function openPostgres({ url, pool: max, random }: PostgresOptions): Postgres {
  const pool = new pg.Pool({
    ...connectionOptions(url),
    max,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    idle_in_transaction_session_timeout: STATEMENT_MS,
    query_timeout: SILENCE_MS,
    keepAliveInitialDelayMillis: SILENCE_MS,
  });
  // A connection that breaks is replaced. Without listeners it would end the process, whether it is idle or between two
  // statements of a transaction, whose next one then fails.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  const prepare = statements();
  const connections = turns(max);
  const lane = turns(1);
  const counts: StoreCounts = { retries: 0, conflicts: 0 };
  const link = breaker(REST_MS);
  let closing: Promise<void> | undefined;
  const running = new Set<Promise<unknown>>();

  async function connected(): Promise<pg.PoolClient> {
    try {
      return await pool.connect();
    } catch (error) {
      const known = storeError(error);
      const why =
        known instanceof CctError
          ? known
          : new CctError("store_failed", `The database cannot be used (${codeOf(error)}).`, "See its log.");
      link.failed(why);
      throw why;
    }
  }

  /** One try. Throws what `work` threw by itself; a fault of the database's means that certainly nothing was changed. */
  async function attempt<T>(
    work: (sql: Sql) => Promise<T>,
    { before, commits, closes }: Frame,
  ): Promise<{ done: T } | { fault: unknown }> {
    const leave = link.enter();
    const client = await connected().catch((error: unknown) => {
      leave();
      throw error;
    });
    let broken: Error | undefined;
    /** The first error that the database told, whatever `work` made of it: after it the transaction is lost. */
    let fault: unknown;
    let committing = false;
    const ask = async (query: pg.QueryConfig): Promise<pg.QueryResult<Row>> => {
      try {
        const result = await client.query<Row>(query);
        link.works();
        return result;
      } catch (error) {
        fault ??= error;
        if (isBroken(error)) broken = error as Error;
        if (isSilence(error)) link.failed(storeError(error) as CctError);
        throw error;
      }
    };
    const sql: Sql = async (text, ...values) => (await ask(prepare(text, values))).rows;
    try {
      for (const text of before) await ask({ text, ...(closes && { query_timeout: 0 }) });
      const done = await work(sql);
      if (fault !== undefined) throw fault;
      committing = commits;
      if (commits) await ask({ text: "COMMIT" });
      return { done };
    } catch (error) {
      if (committing && broken) throw unknownEnd();
      if (!broken && commits) broken = await client.query("ROLLBACK").then(nothing, (failed: Error) => failed);
      // An error of the database first: what `work` threw after it is its consequence.
      if (fault !== undefined) return { fault };
      throw error;
    } finally {
      // Given an error, or `true`, the pool throws the connection away.
      client.release(broken ?? closes);
      leave();
    }
  }

  async function run<T>(work: (sql: Sql) => Promise<T>, frame: Frame): Promise<T> {
    let taken = 0;
    for (let tries = 1; ; tries++) {
      link.check();
      if (connections.waiting() > QUEUE) throw tooBusy();
      const endWait = tries < ONE_BY_ONE ? nothing : await lane.take(PATIENCE_MS, tooBusy);
      const endTurn = await connections.take(PATIENCE_MS, tooBusy).catch((error: unknown) => {
        endWait();
        throw error;
      });
      const end = await attempt(work, frame).finally(() => {
        endTurn();
        endWait();
      });
      if ("done" in end) return end.done;
      const { fault } = end;
      if (codeOf(fault) === UNIQUE) taken++;
      if (!isPassing(fault) || tries === TRIES || taken === TRIES_FOR_TAKEN) {
        if (isConflict(fault)) counts.conflicts++;
        throw storeError(fault);
      }
      counts.retries++;
      const pause = Math.min(LONGEST_PAUSE_MS, pauseAfter(tries - 1, FIRST_PAUSE_MS, random()));
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  function begin<T>(work: (sql: Sql) => Promise<T>, frame: Frame): Promise<T> {
    if (closing) return Promise.reject(new CctError("unavailable", "The broker is shutting down.", "Try again soon."));
    const result = run(work, frame);
    const settled = result.then(nothing, nothing);
    running.add(settled);
    void settled.then(() => running.delete(settled));
    return result;
  }

  return {
    tx: (work, isolation = "serial") => begin(work, TRANSACTION[isolation]),
    look: (read) => begin(read, STATEMENTS),
    txAlone: (work) => begin(work, ALONE),
    time: () =>
      begin(async (sql) => {
        const [row] = await sql(TIME);
        return row ? integer(row, "now") : Number.NaN;
      }, STATEMENTS),
    counts: () => ({ ...counts }),
    size: () =>
      begin(async (sql) => {
        const [row] = await sql("SELECT pg_database_size(current_database()) AS bytes");
        return row ? integer(row, "bytes") : 0;
      }, STATEMENTS),
    close() {
      closing ??= Promise.all(running).then(() => pool.end());
      return closing;
    },
  };
}

/** What stands around work. */
interface Frame {
  before: readonly string[];
  commits: boolean;
  /** The connection is closed afterwards, and with it ends what `before` set. */
  closes?: boolean;
}

const BEGIN = "BEGIN ISOLATION LEVEL SERIALIZABLE";
const TRANSACTION: Record<Isolation, Frame> = {
  serial: { before: [BEGIN], commits: true },
  snapshot: { before: ["BEGIN ISOLATION LEVEL REPEATABLE READ"], commits: true },
};
const STATEMENTS: Frame = { before: [], commits: false };
/** The lock is had before the transaction begins: else that would not see what was done by the one it waited for. */
const ALONE: Frame = {
  before: ["SET statement_timeout = 0", `SELECT pg_advisory_lock(${SCHEMA_LOCK})`, BEGIN],
  commits: true,
  closes: true,
};

/** Makes a query of a statement's text and values, prepared by name on each connection that meets it. */
function statements(): (text: string, values: readonly Value[]) => pg.QueryConfig {
  const known = new Map<string, { text: string; name?: string; order: number[] }>();
  return (text, values) => {
    let statement = known.get(text);
    if (!statement) {
      const name = known.size < KEPT_STATEMENTS ? { name: `s${known.size}` } : {};
      statement = { ...dense(withCollation(text)), ...name };
      // Texts that are not kept there are none that come again.
      if (known.size < KEPT_STATEMENTS) known.set(text, statement);
    }
    return {
      ...(statement.name !== undefined && { name: statement.name }),
      text: statement.text,
      values: statement.order.map((i) => bindable(values[i])),
      // The server's own limit has been lifted for these: an index over much takes its time.
      ...(isDefinition(text) && { query_timeout: 0 }),
    };
  };
}

const nothing = (): undefined => undefined;

const isDefinition = (text: string): boolean => /^\s*(?:CREATE|ALTER|DROP)\s/i.test(text);

/** Text is compared by its letters' codes, as SQLite does, whatever the database's own order is: prefixes of ids need that. */
const withCollation = (text: string): string =>
  isDefinition(text) ? text.replace(/\bTEXT\b/g, 'TEXT COLLATE "C"') : text;

/** Numbers the placeholders that a text uses from 1 on: of one that it does not use, the server could not tell the type. */
function dense(text: string): { text: string; order: number[] } {
  const order: number[] = [];
  const renumbered = text.replace(/\$(\d+)/g, (_, n) => {
    const index = Number(n) - 1;
    if (!order.includes(index)) order.push(index);
    return `$${order.indexOf(index) + 1}`;
  });
  return { text: renumbered, order };
}
