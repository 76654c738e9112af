/**
 * The SQLite driver: one connection, WAL, cached statements, group commit. With `synchronous=NORMAL` SQLite flushes the log
 * (`-wal`) at checkpoints only; the driver does it once for each group that must not be lost. SQLite reads the log from its
 * start to the first gap, so a flush keeps everything before it.
 * `locking_mode=EXCLUSIVE` holds an operating system lock on the file while the process lives: a second broker is
 * rejected, and a killed one leaves no lock behind.
 */
import { closeSync, fdatasyncSync, openSync } from "node:fs";
import { CctError } from "../../platform/errors.ts";
import { type MayBeLost, outcomeUnknown, type Sql, type Store, StoreFault } from "../store.ts";
import { AUTO_CHECKPOINT, createCheckpoints } from "./sqlite-checkpoint.ts";
import { connect, statementCache } from "./sqlite-connection.ts";
import { isInputOutputError, RESTORE_HINT, storeError } from "./sqlite-errors.ts";
import { hasLog, markLog, removeMark, requireOwnLog, sizeOf, wasKilled } from "./sqlite-log.ts";
import { createSnapshots } from "./sqlite-snapshot.ts";

/** Maximum size of a group commit; the rest waits for the next one, which bounds the latency of each. */
const MAX_GROUP = 256;

/**
 * Kilobytes of pages in memory. A message to a thousand peers changes two thousand pages: with SQLite's own limit of 2 MB it
 * reads a hundred thousand times from the log what it has just written.
 */
const CACHE = "PRAGMA cache_size=-12000";
/** After a kill, files up to this size are checked at the start: 0.3 to 0.6 s, or 1 s when nothing of it is in memory. */
const CHECKED_BYTES = 200_000_000;

/** Work that has run, to be answered after the commit. */
interface Done {
  answer(): void;
  isDurable: boolean;
}

interface Waiting {
  run(sql: Sql): Promise<Done>;
  fail(error: unknown): void;
}

/** Opens or creates the database file. Throws `conflict` when another process holds it, `store_failed` when it is damaged. */
export async function openSqlite(path: string): Promise<Store> {
  await requireOwnLog(path);
  const isDoubtful = await wasKilled(path);
  const connection = await connect(path);
  const query = statementCache(connection);
  let log: number;
  try {
    query("PRAGMA locking_mode=EXCLUSIVE");
    query("PRAGMA journal_mode=WAL");
    query("PRAGMA synchronous=NORMAL");
    query(AUTO_CHECKPOINT);
    query(CACHE);
    query("PRAGMA foreign_keys=ON");
    // Takes the lock now, and reads enough to detect a file that is not a database.
    query("BEGIN IMMEDIATE");
    query("SELECT count(*) AS tables FROM sqlite_master");
    query("COMMIT");
    if (isDoubtful && (await sizeOf(path)) <= CHECKED_BYTES) quickCheck();
    await markLog(query, path);
    log = openSync(`${path}-wal`, "r+");
  } catch (error) {
    connection.close();
    throw storeError(error, path);
  }

  function quickCheck(): void {
    const [row] = query("PRAGMA quick_check(1)");
    if (row?.quick_check !== "ok") throw damaged(path, String(row?.quick_check).replace(/\s+/g, " "));
  }

  /** Whether anything may have been written since the log was flushed. */
  let isUnflushed = false;
  const sql: Sql = async (text, ...values) => {
    if (!text.startsWith("SELECT")) isUnflushed = true;
    return query(text, values);
  };
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  let failure: CctError | undefined;
  const tasks: (() => void)[] = [];
  const snapshots = createSnapshots(path, query, between, AUTO_CHECKPOINT);
  const checkpoints = createCheckpoints(
    query,
    () => !closing && !failure && !snapshots.isReading(),
    (error) => fail(error, "a checkpoint"),
  );
  let reportFailure = (_: CctError): void => {};
  const failed = new Promise<CctError>((resolve) => {
    reportFailure = resolve;
  });

  async function runGroups(): Promise<void> {
    checkpoints.begin();
    // Requests of this turn of the event loop join the first group.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0 || tasks.length > 0) {
      for (const task of tasks.splice(0)) task();
      const group = waiting.slice(0, MAX_GROUP);
      waiting = waiting.slice(MAX_GROUP);
      if (failure) {
        for (const work of group) work.fail(ending());
        continue;
      }
      const [work] = group;
      if (!work) continue;
      await (group.length === 1 ? runAlone(work) : runGroup(group));
      if (waiting.length > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    running = undefined;
    checkpoints.rest();
  }

  /** Group commit: runs all units of work in one transaction, commits once, and only then resolves them. */
  async function runGroup(group: Waiting[]): Promise<void> {
    // A savepoint for each costs an eighth of a send, so only a group in which one has to be undone alone gets them.
    if (!(await attempt(group, false))) await attempt(group, true);
  }

  /** Returns false, with everything rolled back, when a unit of work without a savepoint has to be undone alone. */
  async function attempt(group: Waiting[], hasSavepoints: boolean): Promise<boolean> {
    const done: Done[] = [];
    try {
      query("BEGIN IMMEDIATE");
      for (const work of group) {
        const effects = { hasWritten: false, mustUndo: false };
        if (hasSavepoints) query("SAVEPOINT work");
        try {
          done.push(await work.run(noting(effects)));
        } catch (error) {
          if (hasSavepoints) rollBackTo(error);
          else if (effects.hasWritten) effects.mustUndo = true;
          done.push({ answer: () => work.fail(storeError(error, path)), isDurable: false });
        }
        if (hasSavepoints) query("RELEASE work");
        else if (effects.mustUndo) {
          rollBack();
          return false;
        }
      }
      commit(done);
    } catch (error) {
      rollBack();
      for (const work of group) work.fail(storeError(error, path));
      return true;
    }
    for (const { answer } of done) answer();
    return true;
  }

  /** Runs statements and notes what they did. */
  function noting(effects: { hasWritten: boolean; mustUndo: boolean }): Sql {
    return async (text, ...values) => {
      if (!text.startsWith("SELECT")) effects.hasWritten = isUnflushed = true;
      try {
        return query(text, values);
      } catch (error) {
        // SQLite may have rolled back by itself. A value that is refused has not come that far.
        if (!(error instanceof CctError)) effects.mustUndo = true;
        throw error;
      }
    };
  }

  /** A single unit of work needs no savepoint. */
  async function runAlone(work: Waiting): Promise<void> {
    try {
      query("BEGIN IMMEDIATE");
      const done = await work.run(sql);
      commit([done]);
      done.answer();
    } catch (error) {
      rollBack();
      work.fail(storeError(error, path));
    }
  }

  /**
   * After an I/O error the transaction is rolled back in memory, but its frames may be complete in the log: a crash would
   * bring it back. So nothing more is written, and the next start decides by the log, as other databases do.
   */
  function commit(done: readonly Done[]): void {
    let isInLog = false;
    try {
      query("COMMIT");
      isInLog = true;
      if (isUnflushed) checkpoints.wrote();
      if (isUnflushed && done.some(({ isDurable }) => isDurable)) {
        fdatasyncSync(log);
        isUnflushed = false;
      }
    } catch (error) {
      if (!isInLog && !isInputOutputError(error)) throw error;
      throw fail(error, "COMMIT");
    }
  }

  function fail(error: unknown, when: string): CctError {
    failure = outcomeUnknown(`${path} could not be written to disk at ${when} (${(error as Error).message})`);
    reportFailure(failure);
    return failure;
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

  /** Runs work outside of transactions. */
  function between(work: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      tasks.push(() => {
        try {
          work();
          resolve();
        } catch (error) {
          reject(storeError(error, path));
        }
      });
      running ??= runGroups();
    });
  }

  function run<T>(work: (sql: Sql) => Promise<T>, mayBeLost: MayBeLost<T>): Promise<T> {
    if (closing) return Promise.reject(new CctError("unavailable", "The broker is shutting down.", "Try again soon."));
    if (failure) return Promise.reject(ending());
    return new Promise<T>((resolve, reject) => {
      waiting.push({
        run: async (sqlOfGroup) => {
          const result = await work(sqlOfGroup);
          return { answer: () => resolve(result), isDurable: !mayBeLost(result) };
        },
        fail: reject,
      });
      running ??= runGroups();
    });
  }

  const tx: Store["tx"] = (work, _isolation, mayBeLost = () => false) => run(work, mayBeLost);

  return {
    isInOrder: true,
    tx,
    read: (read) => run(read, () => true),
    // One process holds the file and runs one transaction at a time.
    exclusiveTx: (work) => run(work, () => false),
    failed,
    async snapshot() {
      if (closing || failure) throw ending();
      return snapshots.take();
    },
    close() {
      closing ??= shut();
      return closing;
    },
    size: async () => (await sizeOf(path)) + (await sizeOf(`${path}-wal`)),
  };

  async function shut(): Promise<void> {
    await running;
    closeSync(log);
    snapshots.abort();
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
    await snapshots.close();
    if (!(await hasLog(path))) await removeMark(path).catch(() => {});
  }
}

const damaged = (path: string, why: string): StoreFault =>
  new StoreFault("store_failed", `${path} is damaged (${why}).`, RESTORE_HINT, true);

const ending = (): CctError =>
  new CctError("unavailable", "The broker is ending. Nothing of this request was stored.", "Try again soon.");
