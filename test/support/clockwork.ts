/** The broker's works without its process: operations and the sweep on a real store, with a clock that the test sets. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { sweepAbsent, sweepAll } from "../../src/broker/background/sweep.ts";
import { createBounds } from "../../src/operations/core/bounds.ts";
import { invoke } from "../../src/operations/core/invoke.ts";
import type { Operation } from "../../src/operations/core/operation.ts";
import type { Environment, Hint } from "../../src/operations/core/transaction.ts";
import { type InputOf, type OperationName, type OutputOf, operations } from "../../src/operations/index.ts";
import { cleanups } from "../../src/operations/support/retention.ts";
import { CctError } from "../../src/platform/errors.ts";
import type { Limits } from "../../src/rules/guards.ts";
import type { RetentionPolicy } from "../../src/rules/retention.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import type { Row, Store } from "../../src/store/store.ts";
import { insertRows, tables } from "../../src/store/tables.ts";
import type { Credentials } from "./api.ts";
import { atEnd } from "./cleanup.ts";
import { newStore, TABLES } from "./database.ts";
import { checkDeclared } from "./declared.ts";
import { root } from "./folders.ts";
import { newMessageId, type Place, place, type TestPeer } from "./peers.ts";

export interface Clockwork {
  environment: Environment;
  now(): number;
  call<N extends OperationName>(name: N, input: InputOf<N>, as?: Credentials): Promise<OutputOf<N>>;
  newPeer(name: string, more?: Partial<Place>): Promise<TestPeer>;
  /** Only sets the clock on. */
  setOn(ms: number): void;
  /** Time passes in one step; the sessions of these peers say that they live; the broker looks at its clock once. */
  pass(ms: number, ...alive: TestPeer[]): Promise<void>;
  /** The broker clears away what is old, until there is nothing more to do. */
  clear(keep: RetentionPolicy): Promise<void>;
  /** Puts rows into the store as they are, for tests of large numbers. */
  fill(table: string, rows: readonly Row[]): Promise<void>;
  /** All that the store holds, table by table. */
  dump(): Promise<Record<string, unknown[]>>;
  /** The hints that were published so far. */
  hints: Hint[];
}

const HOUR = 3_600_000;

/** `newId`: 32 hexadecimal characters. `given`: a store that has an older schema, or counts. */
export async function openClockwork(
  newId = () => randomBytes(16).toString("hex"),
  given?: Store,
  limits: Partial<Limits> = {},
): Promise<Clockwork> {
  const store = given ?? (await newStore());
  atEnd(() => store.close());
  let now = 1_800_000_000_000;
  await migrate(store, await readMigrations(join(root, "migrations")), now);
  let seq = 0;
  let listened = 0;
  const hints: Hint[] = [];
  const environment: Environment = {
    store,
    now: () => now,
    confirmed: () => now,
    isConfirmed: () => true,
    newId,
    newMessageId,
    nextSeq: (last = 0) => {
      seq = Math.max(seq + 1, last + 1, now * 1000);
      return seq;
    },
    publish: (hint) => void hints.push(hint),
    count: () => {},
    changed: () => {},
    bounds: createBounds(),
    // A test sends in a moment what takes sessions hours.
    limits: {
      repeat_seconds: 0,
      sends_per_minute: 0,
      sends_per_pair: 0,
      hops: 0,
      wakes_per_hour: 0,
      mailbox_messages: 0,
      peers: 0,
      pools: 0,
      devices: 0,
      services: 0,
      page: 200,
      idle_beat_ms: 30_000,
      ...limits,
    },
  };
  const call: Clockwork["call"] = async (name, input, as) => {
    const op: Operation | undefined = operations.find((one) => one.name === name);
    if (!op) throw new Error(`no operation ${name}`);
    // `invoke` checks every answer against the schema that this type is made of.
    try {
      const sender = { principal: { kind: "home" } as const, credentials: as };
      return (await invoke(environment, op, input, sender)) as OutputOf<typeof name>;
    } catch (error) {
      if (error instanceof CctError) checkDeclared(name, error.code, error.message);
      throw error;
    }
  };
  return {
    environment,
    now: () => now,
    call,
    hints,
    dump: () =>
      store.tx(async (sql) => {
        const tables = await sql(TABLES);
        const all: Record<string, unknown[]> = {};
        for (const { name } of tables) all[String(name)] = await sql(`SELECT * FROM ${name}`);
        return all;
      }),
    async fill(name, rows) {
      const table = tables.find((one) => one.name === name);
      if (!table) throw new Error(`no table ${name}`);
      for (let i = 0; i < rows.length; i += 500)
        await store.tx((sql) => insertRows(sql, table, rows.slice(i, i + 500)));
    },
    async newPeer(name, more = {}) {
      const where = place(more);
      const { peer_id, secret = "", name: given } = await call("register", { ...where, name });
      return { peer_id, secret, name: given, place: where };
    },
    async clear(keep) {
      for (const clear of cleanups) while (await store.tx((sql) => clear(sql, keep, now)));
    },
    setOn(ms) {
      now += ms;
    },
    async pass(ms, ...alive) {
      now += ms;
      for (const peer of alive) await call("heartbeat", { host_pid: peer.place.host_pid, held: [] }, peer);
      listened += Math.max(0, ms);
      const absence = { listened, limitMs: 24 * HOUR };
      await sweepAll(environment, absence);
      await sweepAbsent(environment, absence);
    },
  };
}
