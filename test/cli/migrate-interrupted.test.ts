/** `cct migrate` that is killed, interrupted or disturbed: no data is lost, and repeating it finishes the move. */
import { join } from "node:path";
import pg from "pg";
import { beforeAll, expect, test } from "vitest";
import { refusedStart } from "../support/broker.ts";
import { failure, success } from "../support/cct.ts";
import { atEnd } from "../support/cleanup.ts";
import { root, tempHome } from "../support/folders.ts";
import { ask, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type Running, run } from "../support/process.ts";
import { until } from "../support/wait.ts";
import { databaseWithSchema, inFile, migrated, surroundings, THERE } from "./moving.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});

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

/** A move that is blocked halfway through the messages by another transaction, which has inserted one of them. */
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
    // Reuses the connection: a new one per poll is slow.
    return (await other.query("SELECT 1 FROM pg_locks WHERE NOT granted")).rowCount === 1;
  });
  return {
    move,
    async release() {
      await other.end();
      // What a process has sent, the server carries out also after the process was killed.
      await until("the server to be done with the move", async () => {
        const others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        return (await ask(url, others)).length === 0;
      });
    },
  };
}

const counts = async (url: string): Promise<unknown> =>
  (
    await ask(
      url,
      "SELECT (SELECT count(*)::int FROM messages) AS messages, (SELECT count(*)::int FROM deliveries) AS deliveries",
    )
  )[0];
const ALL = { messages: SOME, deliveries: SOME };

test("after a kill, brokers and other moves refuse the database; repeating the move continues it", async () => {
  const [home, url] = [await largerHome(), await databaseWithSchema(server)];
  const { move, release } = await hanging(home, url);
  await move.stop("SIGKILL");
  await release();
  const left = await counts(url);
  // The rows that waited were sent with their COMMIT: the database may have carried out both.
  expect([2000, 2500].map((messages) => ({ messages, deliveries: 0 }))).toContainEqual(left);
  const early = () => ask(url, "SELECT xmin::text AS by, ctid::text AS at FROM messages WHERE message_id = 'm00001'");
  const written = await early();

  const refusal = await refusedStart({ env: { CCT_DATABASE_URL: url } });
  expect(refusal).toMatchObject({ code: 1, stderr: expect.stringMatching(/not finished.*repeat/) });
  const other = tempHome();
  await inFile(other, async () => {});
  expect(failure(await migrated(other, url))).toMatch(
    /Another move into .* is not finished|already contains other data/,
  );
  expect(await counts(url)).toEqual(left);

  success(await migrated(home, url));
  expect(await counts(url)).toEqual(ALL);
  expect(await early()).toEqual(written);
});

test("Ctrl-C says how to continue; if the source has changed since, repeating starts over", async () => {
  const [home, url] = [await largerHome(), await databaseWithSchema(server)];
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

test("a difference in the copy, or a broker that used it, is reported, and the move is not done until it is resolved", async () => {
  const [home, url] = [tempHome(), await databaseWithSchema(server)];
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
