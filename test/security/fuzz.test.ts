/**
 * Malformed requests over all routes: none makes the broker fail, end, grow, or store anything. `CCT_FUZZ_SEED` and
 * `CCT_FUZZ_COUNT` repeat a run, or make it a longer one.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { ok } from "../support/api.ts";
import { type BrokerProcess, spawnBroker } from "../support/broker.ts";
import { openEvents } from "../support/events.ts";
import { tempFolder } from "../support/folders.ts";
import { malformed, random } from "../support/malformed.ts";
import { notRun } from "../support/not-run.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { raw } from "../support/raw.ts";
import { times } from "../support/soak.ts";
import { until } from "../support/wait.ts";

const seed = Number(process.env.CCT_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32));
const COUNT = Number(process.env.CCT_FUZZ_COUNT ?? times(2_000, 100_000));
const PER_CONNECTION = 10;
const SIDE_BY_SIDE = 12;
/** What the broker may have more of its own memory after a garbage collection: its heap's slack, not something for each request. */
const TOLERANCE_KB = 32 * 1024;

let broker: BrokerProcess;
let alice: TestPeer;
let bob: TestPeer;

beforeAll(async () => {
  const preload = join(tempFolder(), "gc.mjs");
  writeFileSync(
    preload,
    `import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");
process.on("SIGUSR2", () => {
  gc();
  console.log("memory collected");
});
`,
  );
  broker = await spawnBroker({
    // All of it comes from one machine, as fast as it can.
    env: { NODE_OPTIONS: `--import=${pathToFileURL(preload).href}` },
  });
  alice = await newPeer(broker, "alice");
  bob = await newPeer(broker, "bob");
  await ok(broker, "create_pool", { name: "pool", purpose: "to be left alone" }, alice);
  await ok(broker, "join_pool", { pool: "pool" }, bob);
  await ok(broker, "send_message", { to: "bob", text: "to be kept" }, alice);
});

/** What is not the work of a request: how far clearing away and the index of words have come, how long the broker has listened. */
const BY_ITSELF = /^(clearings|listening|indexed_part|message_words.*)$/;

/** Every row of every table, as the files of the database have them. */
async function everyRow(): Promise<Record<string, unknown>> {
  const copy = join(tempFolder(), "cct.db");
  for (const end of ["", "-wal"]) {
    const file = join(broker.home, `cct.db${end}`);
    if (existsSync(file)) copyFileSync(file, `${copy}${end}`);
  }
  const store = await openSqlite(copy);
  try {
    return await store.tx(async (sql) => {
      const tables = await sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
      const all: Record<string, unknown> = {};
      for (const { name } of tables.filter((table) => !BY_ITSELF.test(String(table.name))))
        all[String(name)] = (await sql(`SELECT * FROM ${name}`))
          // The good client says that it lives, and hears how often to.
          .map((row) => JSON.stringify(name === "peers" ? { ...row, last_seen: 0, beat_ms: 0 } : row))
          .sort();
      return all;
    });
  } finally {
    await store.close();
  }
}

/** The broker's own memory in KB, when it has cleaned up and is idle. */
async function privateMemory(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    const collected = (): number => broker.process.stdout().split("memory collected").length;
    const before = collected();
    process.kill(broker.pid, "SIGUSR2");
    await until("its memory is collected", () => collected() > before);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const rollup = readFileSync(`/proc/${broker.pid}/smaps_rollup`, "utf8");
  return [...rollup.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB/gm)].reduce((sum, [, kb]) => sum + Number(kb), 0);
}

interface Tally {
  sent: number;
  answered: number;
  statuses: Map<string, number>;
}

/** Sends `count` requests. Throws with the seed and the requests of a connection that was answered as it should not be. */
async function attack(count: number, offset: number, tally: Tally): Promise<void> {
  let next = 0;
  const connections = Math.ceil(count / PER_CONNECTION);
  const known = { token: broker.token, peers: [alice, bob] as [TestPeer, TestPeer] };
  async function one(): Promise<void> {
    while (next < connections) {
      const number = offset + next++;
      const r = random(seed + number);
      const requests = malformed(r, known, PER_CONNECTION);
      // On Linux all of 127/8 is this machine, so that every connection is another client's.
      const from = process.platform === "linux" ? `127.${r.int(250) + 1}.${r.int(250)}.${r.int(250) + 1}` : undefined;
      const connection = raw(broker, Buffer.from(requests.join(""), "latin1"), from);
      connection.socket.once("connect", () => connection.socket.end());
      connection.socket.setTimeout(120_000, () => connection.socket.destroy(new Error("the broker went still")));
      const said = await connection.over;
      const where = `CCT_FUZZ_SEED=${seed}, connection ${number}`;
      expect(connection.socket.errored?.message ?? "", where).not.toContain("went still");
      const statuses = [...said.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = ""]) => status);
      for (const status of statuses) tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1);
      const bad = statuses.findIndex((status) => status.startsWith("5"));
      if (bad >= 0) throw new Error(`${where}: ${statuses[bad]} for ${JSON.stringify(requests[bad]?.slice(0, 2000))}`);
      tally.sent += requests.length;
      tally.answered += statuses.filter((status) => status !== "100").length;
    }
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one));
}

test(`${COUNT} malformed requests: no crash, no growth, nothing stored, and a good client is served meanwhile`, async () => {
  const bobs = await openEvents(broker, bob);
  await bobs.count(1);
  const before = await everyRow();
  const tally: Tally = { sent: 0, answered: 0, statuses: new Map() };
  const warm = Math.ceil(COUNT / 4);
  const measured = process.platform === "linux" || !notRun("memory after malformed requests", "needs /proc");
  let over = false;
  let beats = 0;
  const good = (async () => {
    for (; !over; beats++) {
      for (const peer of [alice, bob]) await ok(broker, "heartbeat", { host_pid: peer.place.host_pid, held: [] }, peer);
      expect((await ok(broker, "list_peers", {})).peers).toHaveLength(2);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  // Fails the attack at once when the good client fails.
  const attacked = async (count: number, offset: number) => {
    await Promise.race([attack(count, offset, tally), good.then(() => Promise.reject(new Error("it ended")))]);
  };
  try {
    // Code and buffers that any traffic needs are there after the first quarter.
    await attacked(warm, 0);
    const early = measured ? await privateMemory() : 0;
    await attacked(COUNT - warm, warm);
    const late = measured ? await privateMemory() : 0;
    console.log(
      `seed ${seed}: ${tally.sent} sent, ${tally.answered} answered (${[...tally.statuses]
        .sort()
        .map((one) => one.join(" × "))
        .join(", ")}), ` + `${beats} beats of a good client, private memory ${early} → ${late} KB`,
    );
    expect(late - early, `CCT_FUZZ_SEED=${seed}: KB more`).toBeLessThan(TOLERANCE_KB);
  } finally {
    over = true;
    await good;
  }
  expect(tally.sent).toBeGreaterThanOrEqual(COUNT);
  // It is no attack if most of it never got to where it could do harm. Answers that are still being made when the end of
  // a connection breaks it are not heard.
  expect(tally.answered / tally.sent).toBeGreaterThan(0.5);
  expect(beats).toBeGreaterThan(5);
  expect(await everyRow(), `CCT_FUZZ_SEED=${seed}`).toEqual(before);
  expect(readFileSync(join(broker.home, "log/broker.log"), "utf8")).not.toContain("request failed");

  expect((await ok(broker, "list_peers", {}, alice)).peers.map((peer) => peer.name)).toEqual(["alice", "bob"]);
  const heard = bobs.seen().length;
  await ok(broker, "send_message", { to: "bob", text: "still here" }, alice);
  await bobs.count(heard + 1);
  expect(broker.process.child.exitCode).toBeNull();
  process.kill(broker.pid, 0);
}, 900_000);
