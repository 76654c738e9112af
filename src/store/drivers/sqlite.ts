/**
 * The SQLite driver: one connection, WAL, synchronous=FULL, cached statements, group commit.
 * `locking_mode=EXCLUSIVE` holds an operating system lock on the file while the process lives: a second broker is
 * rejected, and a killed one leaves no lock behind.
 */
import { stat } from "node:fs/promises";
import { CctError } from "../../platform/errors.ts";
import { outcomeUnknown, type Sql, type Store } from "../store.ts";
import { connect, statementCache } from "./sqlite-connection.ts";
import { isInputOutputError, storeError } from "./sqlite-errors.ts";

/** Maximum size of a group commit; the rest waits for the next one, which bounds the latency of each. */
const MAX_GROUP = 256;

interface Waiting {
  run(sql: Sql): Promise<() => void>;
  fail(error: unknown): void;
}

/** Opens or creates the database file. Throws `conflict` when another process holds it, `store_failed` when it is damaged. */
export async function openSqlite(path: string): Promise<Store> {
  const connection = await connect(path);
  const query = statementCache(connection);
  try {
    query("PRAGMA locking_mode=EXCLUSIVE");
    query("PRAGMA journal_mode=WAL");
    query("PRAGMA synchronous=FULL");
    // A checkpoint adds a flush to the commit that triggers it, so make checkpoints rare.
    query("PRAGMA wal_autocheckpoint=4000");
    query("PRAGMA foreign_keys=ON");
    // Takes the lock now, and reads enough to detect a file that is not a database.
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
  let failure: CctError | undefined;
  let reportFailure = (_: CctError): void => {};
  const failed = new Promise<CctError>((resolve) => {
    reportFailure = resolve;
  });

  async function runGroups(): Promise<void> {
    // Requests of this turn of the event loop join the first group.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const group = waiting.slice(0, MAX_GROUP);
      waiting = waiting.slice(MAX_GROUP);
      if (failure) {
        for (const work of group) work.fail(ending());
        continue;
      }
      const [work] = group;
      await (work && group.length === 1 ? runAlone(work) : runGroup(group));
      if (waiting.length > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    running = undefined;
  }

  /** Group commit: runs each unit of work under a savepoint, commits once, and only then resolves them all. */
  async function runGroup(group: Waiting[]): Promise<void> {
    const answers: (() => void)[] = [];
    try {
      query("BEGIN IMMEDIATE");
      for (const work of group) {
        query("SAVEPOINT work");
        try {
          answers.push(await work.run(sql));
        } catch (error) {
          rollBackTo(error);
          answers.push(() => work.fail(storeError(error, path)));
        }
        query("RELEASE work");
      }
      commit();
    } catch (error) {
      rollBack();
      for (const work of group) work.fail(storeError(error, path));
      return;
    }
    for (const answer of answers) answer();
  }

  /** A single unit of work needs no savepoint. */
  async function runAlone(work: Waiting): Promise<void> {
    try {
      query("BEGIN IMMEDIATE");
      const answer = await work.run(sql);
      commit();
      answer();
    } catch (error) {
      rollBack();
      work.fail(storeError(error, path));
    }
  }

  /**
   * After an I/O error the transaction is rolled back in memory, but its frames may be complete in the log: a crash would
   * bring it back. So nothing more is written, and the next start decides by the log, as other databases do.
   */
  function commit(): void {
    try {
      query("COMMIT");
    } catch (error) {
      if (!isInputOutputError(error)) throw error;
      failure = outcomeUnknown(`${path} could not be written to disk at COMMIT (${(error as Error).message})`);
      reportFailure(failure);
      throw failure;
    }
  }

  /** Undoes one unit of work of a group. When SQLite itself has aborted the transaction (disk full), the group fails with `why`. */
  function rollBackTo(why: unknown): void {
    try {
      query("ROLLBACK TO work");
    } catch {
      throw why;
    }
  }

  function rollBack(): void {
    try {
      query("ROLLBACK");
    } catch {
      // SQLite has already rolled back.
    }
  }

  function tx<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    if (closing) return Promise.reject(new CctError("unavailable", "The broker is shutting down.", "Try again soon."));
    if (failure) return Promise.reject(ending());
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
    read: tx,
    // One process holds the file and runs one transaction at a time.
    exclusiveTx: tx,
    failed,
    close() {
      closing ??= shut();
      return closing;
    },
    async size() {
      const sizes = await Promise.all(
        [path, `${path}-wal`].map((file) =>
          stat(file).then(
            ({ size }) => size,
            // No -wal file yet, or removed.
            () => 0,
          ),
        ),
      );
      return sizes.reduce((sum, size) => sum + size, 0);
    },
  };

  async function shut(): Promise<void> {
    await running;
    // Closing would write a checkpoint.
    if (failure) return;
    try {
      // Checkpoint into the main file and release the lock, because a driver may keep its handle open after `close`.
      // An exclusive lock taken in WAL mode can only be released outside it.
      query("PRAGMA journal_mode=DELETE");
      query("PRAGMA locking_mode=NORMAL");
      query("SELECT count(*) AS tables FROM sqlite_master");
    } catch {
      // Disk full or file removed: committed data is in the -wal file, as after a crash.
    }
    connection.close();
  }
}

const ending = (): CctError =>
  new CctError(
    "unavailable",
    "The broker is ending, because its disk failed. Nothing of this request was stored.",
    "Try again soon.",
  );
