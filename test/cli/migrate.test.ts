/** `cct migrate`: a home's data goes to a real PostgreSQL and back, whatever breaks it off. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import type { OutputOf } from "../../src/operations/index.ts";
import { openPostgres } from "../../src/store/drivers/postgres.ts";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import type { Sql, Store } from "../../src/store/store.ts";
import { ok, send } from "../support/api.ts";
import { refusedStart, startBroker, type TestBroker } from "../support/broker.ts";
import { type CctRun, cct, failure, success } from "../support/cct.ts";
import { atEnd } from "../support/cleanup.ts";
import { root, tempFolder, tempHome } from "../support/folders.ts";
import { allMessages, newPeer, type TestPeer } from "../support/peers.ts";
import { ask, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type Running, run } from "../support/process.ts";
import { until } from "../support/wait.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});

const THERE = ["migrate", "--from", "sqlite", "--to", "postgres"];
const BACK = ["migrate", "--from", "postgres", "--to", "sqlite"];

const surroundings = (home: string, url = ""): Record<string, string> => ({
  HOME: dirname(home),
  CCT_HOME: home,
  CCT_PORT: "0",
  CCT_DATABASE_URL: url,
});
const migrated = (home: string, url: string, args: string[] = THERE): Promise<CctRun> =>
  cct(args, { env: { PATH: process.env.PATH, ...surroundings(home, url) } });
/** A broker of the home's own file, or of the database that its configuration names; whatever the other tests use. */
const brokerOf = (home: string, url = ""): Promise<TestBroker> => startBroker({ home, env: { CCT_DATABASE_URL: url } });

async function withSchema(store: Store): Promise<Store> {
  await migrate(store, await readMigrations(join(root, "migrations")), 1);
  return store;
}

async function databaseWithSchema(): Promise<string> {
  const url = await server.database();
  const store = await withSchema(openPostgres({ url, pool: 1, random: Math.random }));
  await store.close();
  return url;
}

/** What stands in a home's file, changed by hand. */
async function inFile(home: string, work: (sql: Sql) => Promise<unknown>): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const store = await withSchema(await openSqlite(join(home, "cct.db")));
  await store.tx(work);
  await store.close();
}

const SOME = 4_000;

/** A home with 4,000 messages and a delivery of each. */
async function largerHome(): Promise<string> {
  const home = tempHome();
  await inFile(home, async (sql) => {
    const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${SOME})`;
    await sql(
      `INSERT INTO peers (peer_id, name, name_key, secret_hash, host, claude_pid, cwd, summary, presence, last_seen, created_at)
       VALUES ('ann', 'ann', 'ann', '', 'h', 1, '/', '', 'offline', 1, 1)`,
    );
    await sql(
      `${numbers} INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, urgency, text, sent_at, hops, answer)
       SELECT printf('m%05d', i), i, 'ann', 'ann', 'ann', 't', 'normal', 'text ' || i, i, 0, '{}' FROM n`,
    );
    await sql(
      `${numbers} INSERT INTO deliveries (message_id, peer_id, seq, state, attempt, redelivered)
       SELECT printf('m%05d', i), 'ann', i, 'read', 1, 0 FROM n`,
    );
  });
  return home;
}

/** A move that hangs in the middle of the messages, because another transaction has put one of them there. */
async function hanging(home: string, url: string): Promise<{ move: Running; release(): Promise<void> }> {
  const other = new pg.Client(url);
  await other.connect();
  await other.query("BEGIN");
  await other.query(
    `INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, urgency, text, sent_at, hops, answer)
     VALUES ('m02100', 2100, '', '', '', '', '', '', 1, 0, '')`,
  );
  atEnd(() => other.end().catch(() => {}));
  const move = run(process.execPath, [join(root, "dist/bin.js"), ...THERE, "--progress"], {
    env: surroundings(home, url),
  });
  await until("the move to wait for the row", async () => {
    // On this connection: a new one for each look would keep the machine busy.
    return (await other.query("SELECT 1 FROM pg_locks WHERE NOT granted")).rowCount === 1;
  });
  return { move, release: () => other.end() };
}

const counts = async (url: string): Promise<unknown> =>
  (
    await ask(
      url,
      "SELECT (SELECT count(*)::int FROM messages) AS messages, (SELECT count(*)::int FROM deliveries) AS deliveries",
    )
  )[0];
const ALL = { messages: SOME, deliveries: SOME };

/** What a broker tells of all that it holds. */
async function told(broker: TestBroker, peers: TestPeer[]): Promise<unknown> {
  const messages = await allMessages(broker);
  const { pools } = await ok(broker, "list_pools", { include_archived: true });
  const each = <T>(of: readonly T[], look: (one: T) => Promise<unknown>): Promise<unknown[]> =>
    Promise.all(of.map(look));
  return {
    messages,
    pools,
    peers: (await ok(broker, "list_peers", {})).peers,
    states: await each(messages, ({ message_id }) => ok(broker, "message_status", { message_id })),
    status: await each(pools, ({ name }) => ok(broker, "pool_status", { pool: name })),
    services: await ok(broker, "list_services", {}),
    policies: await each(peers, (peer) => ok(broker, "inbound_policy", {}, peer)),
    notes: await ok(broker, "notes", {}),
    devices: (await ok(broker, "list_devices", {})).devices,
  };
}

describe("a home that has seen some use", () => {
  const home = join(tempFolder(), `Ann's "own" home`);
  let url: string;
  let urlFile: string;
  let broker: TestBroker;
  let ann: TestPeer;
  let ben: TestPeer;
  let carol: TestPeer;
  let before: unknown;
  let device: OutputOf<"add_device">;

  beforeAll(async () => {
    url = await server.database();
    urlFile = join(tempFolder(), "url");
    writeFileSync(urlFile, `${url}\n`);
    broker = await brokerOf(home);
    [ann, ben, carol] = [await newPeer(broker, "ann"), await newPeer(broker, "ben"), await newPeer(broker, "carol")];
    await ok(broker, "create_pool", { name: "team", purpose: "tests" }, ann);
    for (const peer of [ben, carol]) await ok(broker, "join_pool", { pool: "team" }, peer);
    await ok(broker, "propose_release", { pool: "team", peer: "ben", reason: "its part is merged" }, ann);
    const send = (to: string, text: string) => ok(broker, "send_message", { to, text }, ann);
    // Read, claimed and held; and after that waiting.
    const { messages } = await ok(broker, "check_messages", { limit: 100 }, ben);
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
    await ok(broker, "ack_messages", { acks, via: "check", batch: "b" }, ben);
    await send("carol", "is claimed");
    await ok(broker, "claim_messages", { limit: 1, budget: 9000 }, carol);
    await ok(broker, "inbound_policy", { policy: "hold", from: "ann" }, carol);
    await send("carol", "is held");
    await send("ben", "waits: ünï\u{1f600}; '\"\\");
    await ok(broker, "register_service", { kind: "api", url: "http://elsewhere:1", host: "elsewhere" }, ann);
    device = await ok(broker, "add_device", { name: "desk" });
  });

  test("is not moved while its broker runs", async () => {
    expect(failure(await migrated(home, url))).toMatch(/is running \(process \d+\).*cct kill/);
  });

  test("tells what it would move, and moves nothing", async () => {
    before = await told(broker, [ann, ben, carol]);
    await broker.stop();
    const dry = JSON.parse(success(await migrated(home, url, [...THERE, "--dry-run", "--json"])));
    expect(dry.tables).toContainEqual(expect.objectContaining({ name: "peers", rows: 3 }));
    expect(await ask(url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'")).toEqual([]);
  });

  test("is all there afterwards: a broker says the same, and old secrets and tokens count", async () => {
    const moved = success(await migrated(home, "", [...THERE, "--url-file", urlFile, "--use"]));
    expect(moved).toMatch(/\npeers +3 +[0-9a-f]{64}\n/);
    expect(moved).not.toContain("cct@");
    // By its configuration.
    const after = await brokerOf(home);
    expect(existsSync(join(home, "broker.lock"))).toBe(true);
    expect(await told(after, [ann, ben, carol])).toEqual(before);
    await ok({ ...after, token: device.token }, "list_peers", {});
    const waiting = (await ok(after, "check_messages", {}, ben)).messages.filter(({ text }) =>
      text.startsWith("waits"),
    );
    expect(waiting).toMatchObject([{ text: "waits: ünï\u{1f600}; '\"\\", from_name: "ann" }]);
    before = await told(after, [ann, ben, carol]);
    await after.stop();
    // As if that had been long ago.
    await ask(url, "UPDATE chores SET taken_at = 0");
    expect(failure(await migrated(home, url))).toMatch(/already.*Nothing was changed/);
  });

  test("goes back into a file, as it is then", async () => {
    const elsewhere = tempHome();
    success(await migrated(elsewhere, url, BACK));
    const file = await brokerOf(elsewhere);
    expect(await told(file, [ann, ben, carol])).toEqual(before);
  });
});

describe("a move that does not come to its end", () => {
  test("killed: brokers and other moves refuse the database; repeated, it goes on where it was", async () => {
    const [home, url] = [await largerHome(), await databaseWithSchema()];
    const { move, release } = await hanging(home, url);
    await move.stop("SIGKILL");
    await release();
    expect(await counts(url)).toEqual({ messages: 2000, deliveries: 0 });
    const early = () => ask(url, "SELECT xmin::text AS by, ctid::text AS at FROM messages WHERE message_id = 'm00001'");
    const written = await early();

    const refusal = await refusedStart({ env: { CCT_DATABASE_URL: url } });
    expect(refusal).toMatchObject({ code: 1, stderr: expect.stringMatching(/not finished.*repeat/) });
    const other = tempHome();
    await inFile(other, async () => {});
    expect(failure(await migrated(other, url))).toMatch(
      /Another move into .* is not finished|already contains other data/,
    );
    expect(await counts(url)).toEqual({ messages: 2000, deliveries: 0 });

    success(await migrated(home, url));
    expect(await counts(url)).toEqual(ALL);
    expect(await early()).toEqual(written);
  });

  test("ended with Ctrl-C: says how to go on; when the source has changed since, it begins anew", async () => {
    const [home, url] = [await largerHome(), await databaseWithSchema()];
    const { move, release } = await hanging(home, url);
    move.child.kill("SIGINT");
    await release();
    expect(await move.exited).toEqual({ code: 1, signal: null });
    expect(move.stderr()).toMatch(/\ncct: Stopped while writing, at row \d+ of 8001\. Repeat/);
    await inFile(home, async (sql) => {
      await sql("UPDATE messages SET text = 'another' WHERE message_id = 'm00001'");
      await sql("DELETE FROM deliveries WHERE message_id = 'm00002'");
      await sql("DELETE FROM messages WHERE message_id = 'm00002'");
    });
    success(await migrated(home, url));
    expect(await counts(url)).toEqual({ messages: SOME - 1, deliveries: SOME - 1 });
    expect(await ask(url, "SELECT text FROM messages WHERE message_id = 'm00001'")).toEqual([{ text: "another" }]);
  });

  test("what is not the same there is named, a broker that worked there is noticed, and all is refused until it is well", async () => {
    const [home, url] = [tempHome(), await databaseWithSchema()];
    await inFile(home, (sql) => sql("INSERT INTO notes (note_id, at, subject, text) VALUES ('n', 1, 's', 'as it is')"));
    const meanwhile = (what: string) =>
      ask(
        url,
        `CREATE OR REPLACE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${what}; RETURN NEW; END $$;
         CREATE OR REPLACE TRIGGER meddle BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION meddle()`,
      );
    const state = () => ask(url, "SELECT state FROM moves");

    await meanwhile("NEW.text := 'not so'");
    expect(failure(await migrated(home, url))).toMatch(/^notes: different/);
    expect(await state()).toEqual([{ state: "running" }]);
    await meanwhile("INSERT INTO chores (name, taken_at) VALUES ('sweep', 1)");
    expect(failure(await migrated(home, url))).toMatch(/^A broker is using/);
    expect(await state()).toEqual([{ state: "running" }]);
    await ask(url, "DROP TRIGGER meddle ON notes");
    success(await migrated(home, url));
    expect(await ask(url, "SELECT text FROM notes")).toEqual([{ text: "as it is" }]);
    expect(await state()).toEqual([{ state: "done" }]);
  });
});

describe("a move is refused, and changes nothing,", () => {
  test("into a database that a broker works with, or that holds other data", async () => {
    const [home, url] = [tempHome(), await server.database()];
    await inFile(home, async () => {});
    const broker = await brokerOf(tempHome(), url);
    await newPeer(broker, "somebody");
    await until("the broker to sweep", async () => {
      const { json } = await send(broker, { method: "GET", path: "/status" });
      return (json as { swept_at: number | null }).swept_at !== null;
    });
    expect(failure(await migrated(home, url))).toMatch(/broker is using.*Stop every broker/);
    await broker.stop();
    await ask(url, "UPDATE chores SET taken_at = 0");
    expect(failure(await migrated(home, url))).toMatch(/already contains other data \(peers\)/);
    expect(await ask(url, "SELECT name FROM peers")).toEqual([{ name: "somebody" }]);
    expect(await ask(url, "SELECT 1 FROM moves")).toEqual([]);
  });

  test("of a text that PostgreSQL cannot store", async () => {
    const [home, url] = [tempHome(), await server.database()];
    await inFile(home, (sql) =>
      sql("INSERT INTO notes (note_id, at, subject, text) VALUES ('odd', 1, 's', 'a' || char(0) || 'b')"),
    );
    expect(failure(await migrated(home, url))).toMatch(/notes \["odd"\] contains a NUL/);
    expect(await ask(url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'")).toEqual([]);
  });

  test("without data, without a URL, and to where it is", async () => {
    expect(failure(await migrated(tempHome(), "postgres://127.0.0.1:1/none"))).toMatch(/nothing to move/);
    const home = tempHome();
    await inFile(home, async () => {});
    expect(failure(await migrated(home, ""))).toMatch(/config set database_url/);
    expect(await migrated(home, "", ["migrate", "--from", "sqlite", "--to", "sqlite"])).toMatchObject({ code: 2 });
  });
});
