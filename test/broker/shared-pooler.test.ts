/** Brokers that reach their PostgreSQL through a real PgBouncer. */
import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { refusedStart, spawnBroker } from "../support/broker.ts";
import { openEvents } from "../support/events.ts";
import { tempFolder } from "../support/folders.ts";
import { isRoot, notRun } from "../support/not-run.ts";
import { newPeer } from "../support/peers.ts";
import { freePort } from "../support/ports.ts";
import { ask, hasPostgres, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { run } from "../support/process.ts";
import { until } from "../support/wait.ts";

const SESSION = "through PgBouncer in session mode two brokers share a database and hear each other";
const TRANSACTION = "PgBouncer in transaction mode is refused in one line that says what to change";
const EVEN_BUSY = "the same while other clients use its connections";

function hasBouncer(): boolean {
  try {
    execFileSync("pgbouncer", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const here = hasBouncer();
const cannot = (what: string): boolean => !hasPostgres(what) || (!here && notRun(what, "no pgbouncer"));

/** Starts one before the server of `url`; answers with the URL through it. */
async function startBouncer(url: string, mode: "session" | "transaction"): Promise<string> {
  const { port: target, pathname } = new URL(url);
  const port = await freePort();
  const folder = tempFolder();
  const config = join(folder, "pgbouncer.ini");
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "any",
    pool_mode: mode,
    max_client_conn: 300,
    default_pool_size: 50,
    ...(isRoot && { user: "nobody" }),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  writeFileSync(config, `[databases]\n* = host=127.0.0.1 port=${target} user=cct\n[pgbouncer]\n${lines.join("\n")}\n`);
  chmodSync(config, 0o644);
  const bouncer = run("pgbouncer", [config], {});
  const through = `postgres://cct@127.0.0.1:${port}${pathname}`;
  await until(`PgBouncer to answer: ${bouncer.stderr()}`, () =>
    ask(through, "SELECT 1").then(
      () => true,
      () => false,
    ),
  );
  return through;
}

const database = async (): Promise<{ server: TestPostgres; url: string }> => {
  const server = await startPostgres();
  return { server, url: await server.database() };
};

test.skipIf(cannot(SESSION))(SESSION, async () => {
  const { url } = await database();
  const env = { CCT_DATABASE_URL: await startBouncer(url, "session") };
  const [one, other] = await Promise.all([spawnBroker({ env }), spawnBroker({ env })]);
  const [ann, ben] = [await newPeer(one, "ann"), await newPeer(other, "ben")];
  const stream = await openEvents(other, ben);
  await stream.count(1);
  await ok(one, "send_message", { to: "ben", text: "through it" }, ann);
  await stream.count(2);
  expect((await ok(other, "check_messages", {}, ben)).messages).toMatchObject([{ text: "through it" }]);
  // The limits on statements are in force there as well.
  const [row] = await ask(url, "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'cct'");
  expect(row?.n).toBeGreaterThan(2);
});

test.skipIf(cannot(TRANSACTION))(TRANSACTION, async () => {
  const { url } = await database();
  const refused = await refusedStart({ env: { CCT_DATABASE_URL: await startBouncer(url, "transaction") } });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(
    /^cct: database_url leads to a connection pooler in transaction mode.*pool_mode = session.*\n$/,
  );
});

test.skipIf(cannot(EVEN_BUSY))(EVEN_BUSY, async () => {
  const { url } = await database();
  const through = await startBouncer(url, "transaction");
  let over = false;
  const others = Array.from({ length: 4 }, async () => {
    while (!over) await ask(through, "SELECT 1");
  });
  const refused = await refusedStart({ env: { CCT_DATABASE_URL: through } });
  over = true;
  await Promise.all(others);
  expect(refused.stderr).toContain("in transaction mode");
});
