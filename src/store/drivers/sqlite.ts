/**
 * SQLite behind the store's interface: one connection, WAL, synchronous=FULL, cached statements, group commit.
 * `locking_mode=EXCLUSIVE` holds the operating system's lock on the file for as long as this process lives, so that a
 * second broker on the same file is refused, and a killed one leaves nothing behind.
 */
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { CctError } from "../../platform/errors.ts";
import { bindable, type Row, type Sql, type Store, type Value } from "../store.ts";

/** Work that is committed together at the most; more waits for the next commit, so that reads are not held up. */
const GROUP = 256;
/** Statement texts vary only in the length of id lists; past this many the cache begins anew. */
const CACHED_STATEMENTS = 400;

/** What the two drivers have in common. */
interface Connection {
  /** A statement as a function of its values, which stand in the order of its placeholders. */
  prepare(text: string): (values: Value[]) => Row[];
  close(): void;
}

interface Waiting {
  run(sql: Sql): Promise<() => void>;
  fail(error: unknown): void;
}

/** Opens (and creates) the database file. Throws `conflict` when another process holds it, `store_failed` when it is damaged. */
export async function openSqlite(path: string): Promise<Store> {
  const connection = await connect(path);
  const query = statements(connection);
  try {
    query("PRAGMA locking_mode=EXCLUSIVE");
    query("PRAGMA journal_mode=WAL");
    query("PRAGMA synchronous=FULL");
    // A checkpoint makes the commit that meets it wait for one more flush: fewer, larger ones.
    query("PRAGMA wal_autocheckpoint=4000");
    query("PRAGMA foreign_keys=ON");
    // Takes the lock now, and reads enough of the file to notice one that is no database.
    query("BEGIN IMMEDIATE");
    query("SELECT count(*) AS tables FROM sqlite_master");
    query("COMMIT");
  } catch (error) {
    connection.close();
    throw storeError(error, path);
  }

  const sql: Sql = async (text, ...values) => query(text, ...values);
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  async function runGroups(): Promise<void> {
    // Everything that arrives in this turn of the event loop joins the first group.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const group = waiting.slice(0, GROUP);
      waiting = waiting.slice(GROUP);
      const [work] = group;
      await (work && group.length === 1 ? runAlone(work) : runGroup(group));
      if (waiting.length > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    running = undefined;
  }

  /** Runs each work under a savepoint, commits once, and answers after that. Without a commit nobody is answered `done`. */
  async function runGroup(group: Waiting[]): Promise<void> {
    const answers: (() => void)[] = [];
    try {
      query("BEGIN IMMEDIATE");
      for (const work of group) {
        query("SAVEPOINT work");
        try {
          answers.push(await work.run(sql));
        } catch (error) {
          // When SQLite itself gave up the transaction (disk full, I/O error), this throws and the whole group fails.
          query("ROLLBACK TO work");
          answers.push(() => work.fail(storeError(error, path)));
        }
        query("RELEASE work");
      }
      query("COMMIT");
    } catch (error) {
      rollBack();
      for (const work of group) work.fail(storeError(error, path));
      return;
    }
    for (const answer of answers) answer();
  }

  /** A single work needs no savepoint: its failure is the transaction's. */
  async function runAlone(work: Waiting): Promise<void> {
    try {
      query("BEGIN IMMEDIATE");
      const answer = await work.run(sql);
      query("COMMIT");
      answer();
    } catch (error) {
      rollBack();
      work.fail(storeError(error, path));
    }
  }

  function rollBack(): void {
    try {
      query("ROLLBACK");
    } catch {
      // SQLite had rolled back by itself: there is nothing left to undo.
    }
  }

  function tx<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    if (closing) return Promise.reject(new CctError("unavailable", "The broker is shutting down.", "Try again soon."));
    return new Promise<T>((resolve, reject) => {
      waiting.push({
        run: async (sqlOfGroup) => {
          const result = await work(sqlOfGroup);
          return () => resolve(result);
        },
        fail: reject,
      });
      running ??= runGroups();
    });
  }

  return {
    tx,
    look: tx,
    // One process holds the file, and transactions run one at a time.
    txAlone: tx,
    close() {
      closing ??= shut();
      return closing;
    },
    async size() {
      const sizes = await Promise.all(
        [path, `${path}-wal`].map((file) =>
          stat(file).then(
            ({ size }) => size,
            // There is no log yet, or the file was removed.
            () => 0,
          ),
        ),
      );
      return sizes.reduce((sum, size) => sum + size, 0);
    },
  };

  async function shut(): Promise<void> {
    await running;
    try {
      // Everything into the one file, and the lock given back: a driver may keep its handle longer than we do.
      // An exclusive lock taken in WAL mode can only be given back outside of it.
      query("PRAGMA journal_mode=DELETE");
      query("PRAGMA locking_mode=NORMAL");
      query("SELECT count(*) AS tables FROM sqlite_master");
    } catch {
      // A full disk, a file that was removed: what was committed is in the -wal file, as after a crash.
    }
    connection.close();
  }
}

async function connect(path: string): Promise<Connection> {
  try {
    return await openConnection(path);
  } catch (error) {
    const known = storeError(error, path);
    if (known instanceof CctError) throw known;
    // The drivers word this in their own ways, without a code.
    throw new CctError(
      "store_failed",
      `${path} cannot be opened.`,
      "Check that it is a file, its owner, its mode and the disk.",
    );
  }
}

/** `node:sqlite` where the runtime has it (22.13 and later), else `libsql`. */
async function openConnection(path: string): Promise<Connection> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 13)) {
    const { DatabaseSync } = await withoutExperimentalWarning(() => import("node:sqlite"));
    const database = new DatabaseSync(path);
    return {
      prepare(text) {
        const statement = database.prepare(text);
        return (values) => statement.all(...values) as Row[];
      },
      close: () => database.close(),
    };
  }
  const require = createRequire(import.meta.url);
  let Database: new (path: string) => LibsqlDatabase;
  try {
    Database = require("libsql");
  } catch (error) {
    throw new CctError(
      "store_failed",
      `SQLite is not available on Node ${process.versions.node}: the optional package 'libsql' could not be loaded (${error instanceof Error ? error.message.split("\n")[0] : error}).`,
      "Use Node 22.13 or later, or install CCT with optional dependencies.",
    );
  }
  const database = new Database(path);
  return {
    prepare(text) {
      const statement = database.prepare(text);
      // Values as one list: a single null of its own would be taken for missing ones.
      if (statement.reader) return (values) => statement.all(values) as Row[];
      return (values) => {
        // Half the price of asking for rows that there are not.
        statement.run(values);
        return [];
      };
    },
    close: () => database.close(),
  };
}

interface LibsqlDatabase {
  /** `reader`: the statement returns rows. */
  prepare(text: string): { reader: boolean; all(values: Value[]): unknown[]; run(values: Value[]): unknown };
  close(): void;
}

async function withoutExperimentalWarning<T>(load: () => Promise<T>): Promise<T> {
  const emit = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return await load();
  } finally {
    process.emitWarning = emit;
  }
}

/** A function that runs any statement, prepared once. `$n` becomes `?` in order of appearance: both drivers bind those alike. */
function statements(connection: Connection): (text: string, ...values: Value[]) => Row[] {
  const cache = new Map<string, { run: (values: Value[]) => Row[]; order: number[] }>();
  return (text, ...values) => {
    let prepared = cache.get(text);
    if (!prepared) {
      const order: number[] = [];
      const plain = text.replace(/\$(\d+)/g, (_, n) => {
        order.push(Number(n) - 1);
        return "?";
      });
      prepared = { run: connection.prepare(plain), order };
      if (cache.size >= CACHED_STATEMENTS) cache.clear();
      cache.set(text, prepared);
    }
    // libsql aborts the process on a value that it does not know, so nothing else may reach a driver.
    return prepared.run(prepared.order.map((i) => bindable(values[i])));
  };
}

const FULL = 13;
const BUSY = 5;
const READ_ONLY = 8;
const CANNOT_OPEN = 14;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/** Says what happened and what to do. An error that is not SQLite's own passes unchanged. */
function storeError(error: unknown, path: string): unknown {
  if (error instanceof CctError || !(error instanceof Error)) return error;
  const code = resultCode(error);
  if (code === undefined) return error;
  const kept = "Nothing of this request was stored, and nothing stored before is lost.";
  switch (code) {
    case FULL:
      return new CctError(
        "store_full",
        `The disk that holds ${path} is full. ${kept}`,
        "Free some space and repeat it.",
      );
    case BUSY:
      return new CctError(
        "conflict",
        `Another process holds ${path}.`,
        "One broker per home: stop the other one first.",
      );
    case READ_ONLY:
    case CANNOT_OPEN:
      return new CctError(
        "store_failed",
        `${path} cannot be opened for writing.`,
        "Check its owner, its mode and the disk.",
      );
    case CORRUPT:
    case NOT_A_DATABASE:
      return new CctError(
        "store_failed",
        `${path} is damaged or not a database (${error.message}). CCT has not touched it.`,
        "Move it (with its -wal file) aside to start afresh, or put a backup in its place.",
      );
    default:
      return new CctError("store_failed", `SQLite: ${error.message}. ${kept}`, "Check the disk, then repeat it.");
  }
}

const codesByName: Record<string, number> = {
  SQLITE_FULL: FULL,
  SQLITE_BUSY: BUSY,
  SQLITE_READONLY: READ_ONLY,
  SQLITE_CANTOPEN: CANNOT_OPEN,
  SQLITE_CORRUPT: CORRUPT,
  SQLITE_NOTADB: NOT_A_DATABASE,
};

/** SQLite's primary result code, from either driver's way of telling it. */
function resultCode(error: Error): number | undefined {
  if ("errcode" in error && typeof error.errcode === "number") return error.errcode & 0xff;
  if ("rawCode" in error && typeof error.rawCode === "number" && error.rawCode > 0) return error.rawCode & 0xff;
  if (!("code" in error) || typeof error.code !== "string" || !error.code.startsWith("SQLITE_")) return undefined;
  const name = Object.keys(codesByName).find((known) => String(error.code).startsWith(known));
  return name ? codesByName[name] : 1;
}
