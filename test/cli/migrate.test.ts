/** `cct migrate`: moves the data of a home to a real PostgreSQL and back, or refuses to. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { OutputOf } from "../../src/operations/index.ts";
import { beginBoot } from "../../src/store/power-cut.ts";
import { ok, send } from "../support/api.ts";
import type { TestBroker } from "../support/broker.ts";
import { failure, success } from "../support/cct.ts";
import { tempFolder, tempHome } from "../support/folders.ts";
import { allMessages, newPeer, type TestPeer } from "../support/peers.ts";
import { ask, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { until } from "../support/wait.ts";
import { BACK, brokerOf, inFile, migrated, PATIENT, THERE } from "./moving.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});

/** A session of another agent than most. */
const CODEX = { agent: "codex", wakes: false, midturn: false };

/** Everything that a broker can list. */
async function contents(broker: TestBroker, peers: TestPeer[]): Promise<unknown> {
  // However slow this machine is, none of them has been silent for so long that it is away.
  for (const peer of peers) await ok(broker, "heartbeat", { host_pid: peer.place.host_pid, held: [] }, peer);
  const messages = await allMessages(broker);
  const { pools } = await ok(broker, "list_pools", { include_archived: true });
  const each = <T>(of: readonly T[], look: (one: T) => Promise<unknown>): Promise<unknown[]> =>
    Promise.all(of.map(look));
  return {
    messages,
    pools,
    peers: (await ok(broker, "list_peers", { all: true })).peers.map((peer) => ({ ...peer, last_seen: 0 })),
    states: await each(messages, ({ message_id }) => ok(broker, "message_status", { message_id })),
    status: await each(pools, ({ name }) => ok(broker, "pool_status", { pool: name })),
    services: await ok(broker, "list_services", {}),
    policies: await each(peers, (peer) => ok(broker, "inbound_policy", {}, peer)),
    notes: await ok(broker, "notes", {}),
    devices: (await ok(broker, "list_devices", {})).devices,
  };
}

describe("a home with data of every kind", () => {
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
    broker = await brokerOf(home, "", PATIENT);
    [ann, ben, carol] = [
      await newPeer(broker, "ann"),
      await newPeer(broker, "ben"),
      await newPeer(broker, "carol", CODEX),
    ];
    await ok(broker, "create_pool", { name: "team", purpose: "tests" }, ann);
    for (const peer of [ben, carol]) await ok(broker, "join_pool", { pool: "team" }, peer);
    await ok(broker, "propose_release", { pool: "team", peer: "ben", reason: "its part is merged" }, ann);
    const send = (to: string, text: string) => ok(broker, "send_message", { to, text }, ann);
    // Deliveries in the states read, claimed, held and queued.
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

  test("--dry-run lists what would be moved and moves nothing", async () => {
    before = await contents(broker, [ann, ben, carol]);
    expect(before).toMatchObject({ peers: [{ name: "ann" }, { name: "ben" }, { name: "carol", ...CODEX }] });
    await broker.stop();
    const dry = JSON.parse(success(await migrated(home, url, [...THERE, "--dry-run", "--json"])));
    expect(dry.tables).toContainEqual(expect.objectContaining({ name: "peers", rows: 3 }));
    expect(await ask(url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'")).toEqual([]);
  });

  test("arrives complete: a broker lists the same, and old secrets and tokens are valid", async () => {
    const moved = success(await migrated(home, "", [...THERE, "--url-file", urlFile, "--use"]));
    expect(moved).toMatch(/\npeers +3 +[0-9a-f]{64}\n/);
    expect(moved).not.toContain("cct@");
    // It finds the database by its configuration.
    const after = await brokerOf(home, "", PATIENT);
    expect(existsSync(join(home, "broker.lock"))).toBe(true);
    expect(await contents(after, [ann, ben, carol])).toEqual(before);
    await ok({ ...after, token: device.token }, "list_peers", {});
    const waiting = (await ok(after, "check_messages", {}, ben)).messages.filter(({ text }) =>
      text.startsWith("waits"),
    );
    expect(waiting).toMatchObject([{ text: "waits: ünï\u{1f600}; '\"\\", from_name: "ann" }]);
    before = await contents(after, [ann, ben, carol]);
    await after.stop();
    // As if the last sweep had been long ago.
    await ask(url, "UPDATE chores SET taken_at = 0");
    expect(failure(await migrated(home, url))).toMatch(/already.*Nothing was changed/);
  });

  test("moves back to a file, with later changes", async () => {
    const elsewhere = tempHome();
    success(await migrated(elsewhere, url, BACK));
    const file = await brokerOf(elsewhere, "", PATIENT);
    expect(await contents(file, [ann, ben, carol])).toEqual(before);
  });
});

test("mail that a power cut made doubtful is marked in the other database", async () => {
  const [home, url] = [tempHome(), await server.database()];
  const source = await brokerOf(home);
  const ann = await newPeer(source, "ann");
  await ok(source, "send_message", { to: "ann", text: "perhaps seen" });
  await source.stop();
  // As if the machine had gone down before it stopped.
  await inFile(home, (sql) => beginBoot(sql, "an earlier boot"));
  success(await migrated(home, url));
  const { messages } = await ok(await brokerOf(home, url), "check_messages", {}, ann);
  expect(messages).toMatchObject([{ text: "perhaps seen", redelivered: true }]);
});

describe("a move is refused and changes nothing", () => {
  test("if a broker uses the target, or it contains other data", async () => {
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

  test("if PostgreSQL cannot store a text", async () => {
    const [home, url] = [tempHome(), await server.database()];
    await inFile(home, (sql) =>
      sql("INSERT INTO notes (note_id, at, subject, text) VALUES ('odd', 1, 's', 'a' || char(0) || 'b')"),
    );
    expect(failure(await migrated(home, url))).toMatch(/notes \["odd"\] contains a NUL/);
    expect(await ask(url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'")).toEqual([]);
  });

  test("without data, without a URL, and from a store to itself", async () => {
    expect(failure(await migrated(tempHome(), "postgres://127.0.0.1:1/none"))).toMatch(/nothing to move/);
    const home = tempHome();
    await inFile(home, async () => {});
    expect(failure(await migrated(home, ""))).toMatch(/config set database_url/);
    expect(await migrated(home, "", ["migrate", "--from", "sqlite", "--to", "sqlite"])).toMatchObject({ code: 2 });
  });
});
