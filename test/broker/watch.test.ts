/** Monitoring: what operators, load balancers and Prometheus see of a broker. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { createReadiness } from "../../src/broker/operator/readiness.ts";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import type { Store } from "../../src/store/store.ts";
import { personAt, personWithBroker } from "../cli/person.ts";
import { type Answer, ok, refusal, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { failure, success } from "../support/cct.ts";
import { atEnd } from "../support/cleanup.ts";
import { onPostgres } from "../support/database.ts";
import { openEvents } from "../support/events.ts";
import { root, tempFolder } from "../support/folders.ts";
import { notRun } from "../support/not-run.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
let reader: string;
beforeAll(async () => {
  broker = await startBroker();
  reader = (await ok(broker, "add_device", { name: "watcher", scope: "read" })).token;
});

const get = (path: string, token: string | undefined, from: TestBroker = broker): Promise<Answer> =>
  send(from, {
    method: "GET",
    path,
    headers: { authorization: token === undefined ? undefined : `Bearer ${token}` },
  });

/** The metrics by name with labels, without their help texts. */
async function metrics(token: string, from = broker): Promise<Map<string, number>> {
  const answer = await get("/metrics", token, from);
  expect(answer.status).toBe(200);
  expect(answer.headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = answer.text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const [, name = "", value] = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/i.exec(line) ?? [];
      return [name, Number(value)];
    }),
  );
}

test("/ready answers yes or no without a token, and the reasons with one", async () => {
  expect(await get("/ready", undefined)).toMatchObject({ status: 200, text: '{"ready":true}' });
  expect(await get("/ready", "wrong")).toMatchObject({ status: 200, text: '{"ready":true}' });
  for (const token of [broker.token, reader])
    expect((await get("/ready", token)).json).toEqual({ ready: true, reasons: [] });
});

test("metrics and status need a token; the code of a join string is not enough", async () => {
  const { code } = await ok(broker, "invite_device", {});
  for (const path of ["/metrics", "/status"]) {
    expect(refusal(await get(path, undefined))).toMatchObject({ status: 401, code: "unauthorized" });
    expect(refusal(await get(path, code))).toMatchObject({ code: "forbidden" });
    expect((await get(path, reader)).status).toBe(200);
  }
  const told = (await get("/status", reader)).json;
  expect(told).toMatchObject({ ready: true, version: expect.any(String), messages: { queued: 0 } });
  for (const secret of ["store", "home", "pid", "url", "lan"]) expect(told).not.toHaveProperty(secret);
});

test("the status says when the broker started, by the calendar, and for how long it has run", async () => {
  const before = Date.now();
  const fresh = await startBroker();
  const { started_at, uptime_ms } = Object((await get("/status", fresh.token, fresh)).json);
  // The kernel's and the database's clocks may differ by some milliseconds.
  expect(started_at).toBeGreaterThan(before - 1_000);
  expect(started_at).toBeLessThan(Date.now() + 1_000);
  expect(uptime_ms).toBeGreaterThanOrEqual(0);
  expect(uptime_ms).toBeLessThanOrEqual(Date.now() - before + 1_000);
});

test("only counters have the ending of counters", async () => {
  const { text } = await get("/metrics", reader);
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type]) => ({ name, type }));
  expect(types.length).toBeGreaterThan(30);
  expect(types.filter(({ name, type }) => name.endsWith("_total") !== (type === "counter"))).toEqual([]);
});

const ACCEPTED = "promtool accepts the metrics";

test.skipIf(spawnSync("promtool", ["--version"]).error !== undefined && notRun(ACCEPTED, "needs promtool"))(
  ACCEPTED,
  async () => {
    const check = async (text: string): Promise<string> =>
      spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" }).stderr;
    const { text } = await get("/metrics", reader);
    expect(await check(text)).toBe("");
    expect(await check("# TYPE a_total gauge\na_total 1\n"), "the check works").toContain("a_total");
  },
);

test("metrics count deliveries, their duration, and refused requests", async () => {
  const watched = await startBroker({ env: { CCT_SENDS_PER_MINUTE: "3", CCT_MAILBOX_MESSAGES: "0" } });
  const [ann, ben] = [await newPeer(watched, "ann"), await newPeer(watched, "ben")];
  for (const text of ["one", "two", "three"]) await ok(watched, "send_message", { to: "ben", text }, ann);
  expect((await send(watched, { path: "/api/send_message", as: ann, body: '{"to":"ben","text":"four"}' })).status).toBe(
    429,
  );
  const { messages } = await ok(watched, "check_messages", { limit: 2 }, ben);
  const ack = (which: (typeof messages)[number], outcome: "delivered" | "read" | "lost") =>
    ok(watched, "ack_messages", { acks: [{ message_id: which.message_id, attempt: which.attempt, outcome }] }, ben);
  const [first, second] = messages;
  if (!first || !second) throw new Error("two were asked for");
  await ack(first, "delivered");
  await ack(first, "read");
  await ack(second, "lost");
  await ok(watched, "check_messages", { limit: 1 }, ben);
  await send(watched, { path: "/api/list_peers", body: "{}", headers: { authorization: "Bearer wrong" } });
  const stream = await openEvents(watched, ben);
  await stream.count(1);

  const seen = await metrics(watched.token, watched);
  expect(Object.fromEntries(seen)).toMatchObject({
    cct_ready: 1,
    cct_messages_sent_total: 3,
    'cct_deliveries_total{state="queued"}': 4,
    'cct_deliveries_total{state="delivered"}': 1,
    'cct_deliveries_total{state="read"}': 1,
    'cct_deliveries_open{state="queued"}': 1,
    'cct_deliveries_open{state="claimed"}': 1,
    'cct_deliveries_open{state="delivered"}': 0,
    'cct_deliveries_open{state="held"}': 0,
    cct_claims_total: 3,
    cct_claims_lost_total: 1,
    cct_redeliveries_total: 1,
    'cct_sent_to_delivered_seconds_bucket{le="+Inf"}': 1,
    cct_sent_to_delivered_seconds_count: 1,
    cct_delivered_to_read_seconds_count: 1,
    cct_rate_limited_total: 1,
    cct_wrong_credentials_total: 1,
    cct_event_streams: 1,
    'cct_http_answers_total{status="4xx"}': 2,
    'cct_store_transactions_total{outcome="failed"}': 1,
  });
  expect(seen.get("cct_store_transaction_seconds_count")).toBeGreaterThan(8);
  expect(seen.get("cct_hints_published_total")).toBeGreaterThan(2);
  expect(seen.get("process_resident_memory_bytes")).toBeGreaterThan(1_000_000);
  // No lag of other brokers' hints, because there are no others.
  expect([...seen.keys()].some((name) => name.startsWith("cct_listener"))).toBe(onPostgres);

  // A second request shows the same counters.
  const again = await metrics(watched.token, watched);
  for (const name of ["cct_messages_sent_total", "cct_claims_total", "cct_sent_to_delivered_seconds_count"])
    expect(again.get(name)).toBe(seen.get(name));
});

const NEWER = "INSERT INTO schema_migrations (version, name, applied_at) VALUES (9999, 'newer', 1)";

describe("readiness", () => {
  async function opened(patienceMs?: number) {
    const store = await openSqlite(join(tempFolder(), "cct.db"));
    atEnd(() => store.close());
    const schema = await migrate(store, await readMigrations(join(root, "migrations")), 1);
    let [time, looks, closing] = [0, 0, false];
    let hears = true;
    const counted: Store = {
      ...store,
      read(read) {
        looks++;
        return store.read(read);
      },
    };
    const ask = createReadiness(
      {
        store: counted,
        schema,
        others: { isLive: () => hears },
        fault: () => undefined,
        isClosing: () => closing,
        steady: () => time,
      },
      patienceMs,
    );
    return {
      store,
      hear: (does: boolean) => {
        hears = does;
      },
      ask,
      later: () => (time += 1_000),
      close: () => (closing = true),
      looks: () => looks,
    };
  }

  test("is queried once a second, however many requests there are", async () => {
    const { ask, later, looks } = await opened();
    await Promise.all(Array.from({ length: 50 }, ask));
    await ask();
    expect(looks()).toBe(1);
    later();
    await Promise.all(Array.from({ length: 50 }, ask));
    expect(looks()).toBe(2);
  });

  test("depends on the schema, on hints of other brokers, and on not shutting down", async () => {
    const { ask, store, later, hear, close } = await opened();
    expect(await ask()).toEqual({ ready: true, reasons: [] });
    hear(false);
    expect(await ask()).toEqual({ ready: false, reasons: [expect.stringContaining("other brokers")] });
    hear(true);
    await store.tx((sql) => sql("DELETE FROM schema_migrations WHERE version > 3"));
    later();
    expect(await ask()).toEqual({ ready: false, reasons: [expect.stringContaining("schema 3")] });
    await store.tx((sql) => sql(NEWER));
    later();
    expect((await ask()).ready).toBe(true);
    await store.tx((sql) => sql("UPDATE schema_migrations SET breaking = 1 WHERE version = 9999"));
    later();
    expect(await ask()).toEqual({ ready: false, reasons: [expect.stringContaining("schema 9999")] });
    await store.tx((sql) => sql("UPDATE schema_migrations SET breaking = 0"));
    later();
    close();
    expect(await ask()).toEqual({ ready: false, reasons: [expect.stringContaining("shutting down")] });
    await store.close();
    later();
    expect((await ask()).reasons).toHaveLength(2);
  });

  test("is false while the database does not answer, and no second query is sent meanwhile", async () => {
    const { ask, store, later, looks } = await opened(20);
    let goOn = (): void => {};
    const held = store.tx(() => new Promise<void>((resolve) => (goOn = resolve)));
    await expect(ask()).resolves.toEqual({ ready: false, reasons: [expect.stringContaining("has not answered")] });
    later();
    await expect(ask()).resolves.toMatchObject({ ready: false });
    expect(looks()).toBe(1);
    goOn();
    await held;
    // On a slow machine it may have to wait for an answer once more.
    await until("it is ready", async () => {
      later();
      return (await ask()).ready;
    });
  });
});

describe("cct broker status", () => {
  test("shows the operator the state, the database and the waiting mail; --json has the same data", async () => {
    const person = await personWithBroker();
    const [ann, ben] = [await newPeer(person.broker, "ann"), await newPeer(person.broker, "ben")];
    stayAlive(person.broker, ann, ben);
    await ok(person.broker, "send_message", { to: "ben", text: "hello" }, ann);
    const store = onPostgres ? "postgres 127.0.0.1:" : join(person.broker.home, "cct.db");
    const text = success(await person.cct("broker", "status"));
    expect(text).toContain(`ready     process ${person.broker.pid}`);
    expect(text).toContain(`store     ${store}`);
    expect(text).toContain("1 queued, 0 claimed, 0 delivered but not read, 0 held; the oldest has waited ");
    expect(text).toContain("2 idle");
    const json = JSON.parse(success(await person.cct("broker", "status", "--json")));
    expect(json).toMatchObject({
      ready: true,
      reasons: [],
      url: person.broker.url,
      store: expect.stringContaining(store),
      peers: { active: 0, idle: 2, offline: 0 },
      messages: { queued: 1, claimed: 0 },
    });
    expect(json.database_bytes).toBeGreaterThan(10_000);
    expect(json.oldest_waiting_ms).toBeGreaterThanOrEqual(0);
  });

  test("of a broker on another machine needs only a token with the scope 'read'", async () => {
    const home = join(tempFolder(), "user");
    const person = personAt(tempFolder(), join(home, ".cct"), { CCT_BROKER: broker.url, CCT_TOKEN: reader });
    const text = success(await person.cct("broker", "status"));
    expect(text).toMatch(/^ready +on /);
    expect(text).not.toContain(broker.home);
  });

  test("without a running broker says how to start one, with exit code 1", async () => {
    const person = personAt(tempFolder(), join(tempFolder(), ".cct"), {});
    expect(failure(await person.cct("broker", "status"))).toMatch(/No broker runs for .* cct start/);
    const run = await person.cct("broker", "status", "--json");
    expect(run.code).toBe(1);
    expect(JSON.parse(run.stdout)).toMatchObject({ ready: false });
  });
});
