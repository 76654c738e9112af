/**
 * The statements of one unit of work on their way to PostgreSQL, in as few round trips as their order allows: a statement
 * without rows travels with the next one that has some, and statements of the same turn of the event loop travel together.
 */
import type pg from "pg";
import type { Row } from "../store.ts";
import { runBatch, type Statement } from "./postgres-batch.ts";

/** Statements per round trip. It bounds what waits in memory, and what one timeout covers. */
const MAX_BATCH = 128;

export interface QueueOptions {
  /** For each round trip; 0: none. */
  timeoutMs: number;
  /** Whether statements without rows may wait for the next round trip. Their errors are then reported by it. */
  defers: boolean;
  answered(): void;
  /** Called once: nothing is sent after an error. */
  failed(error: unknown): void;
}

export interface StatementQueue {
  /** Resolves to the rows, of a deferred statement at once. */
  run(statement: Statement): Promise<Row[]>;
  /** Sends this statement, and all that wait before it, in one round trip. */
  finish(statement: Statement): Promise<unknown>;
  /** The work has ended: what it still asks for is rejected, because the connection may serve another one. */
  close(): void;
  /** Adds a statement to the next round trip, if there is one. */
  defer(statement: Statement): void;
  /** Whether anything was sent. */
  hasBegun(): boolean;
}

interface Waiting {
  statement: Statement;
  isDeferred: boolean;
  resolve(rows: Row[]): void;
  reject(error: unknown): void;
}

export function statementQueue(client: pg.ClientBase, options: QueueOptions): StatementQueue {
  let waiting: Waiting[] = [];
  let sending = false;
  let begun = false;
  let failure: { error: unknown } | undefined;
  let closed = false;

  async function sendAll(): Promise<void> {
    for (;;) {
      // After all that can be done without an answer: it joins this batch.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      if (waiting.every((one) => one.isDeferred)) break;
      const batch = waiting.slice(0, MAX_BATCH);
      waiting = waiting.slice(MAX_BATCH);
      await send(batch);
    }
    sending = false;
  }

  async function send(batch: readonly Waiting[]): Promise<void> {
    if (!failure) {
      begun = true;
      try {
        const results = await runBatch(
          client,
          batch.map((one) => one.statement),
          options.timeoutMs,
        );
        options.answered();
        for (const [i, one] of batch.entries()) one.resolve(results[i] ?? []);
        return;
      } catch (error) {
        failure = { error };
        options.failed(error);
      }
    }
    for (const one of batch) one.reject(failure.error);
  }

  function push(statement: Statement): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      waiting.push({ statement, isDeferred: false, resolve, reject });
      if (sending) return;
      sending = true;
      void sendAll();
    });
  }

  const defer = (statement: Statement): void =>
    void waiting.push({ statement, isDeferred: true, resolve() {}, reject() {} });

  return {
    hasBegun: () => begun,
    defer,
    finish: push,
    close() {
      closed = true;
    },
    async run(statement) {
      if (closed) throw new TypeError("a statement after the end of its transaction");
      const mayWait = options.defers && !statement.isRead && !failure && waiting.length + 1 < MAX_BATCH;
      if (!mayWait) return push(statement);
      defer(statement);
      return [];
    },
  };
}
