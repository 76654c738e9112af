/** Several brokers that share a PostgreSQL database. */
import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { OutputOf } from "../../src/operations/index.ts";
import { type Answer, call, ok, refused } from "../support/api.ts";
import { type BrokerProcess, refusedStart, spawnBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { openEvents } from "../support/events.ts";
import { tempFolder } from "../support/folders.ts";
import { newMessageId, newPeer, type TestPeer } from "../support/peers.ts";
import { ask, hasPostgres, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { give } from "../support/postgres-server.ts";
import { until } from "../support/wait.ts";

describe.skipIf(!hasPostgres("several brokers on one database"))("on one PostgreSQL", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });

  const on = (url: string, env: Record<string, string> = {}): Promise<BrokerProcess> =>
    spawnBroker({ env: { CCT_DATABASE_URL: url, ...env } });

  async function two(): Promise<{ url: string; one: BrokerProcess; other: BrokerProcess }> {
    const url = await server.database();
    // Concurrently, on an empty database: both migrate it.
    const [one, other] = await Promise.all([on(url), on(url)]);
    return { url, one, other };
  }

  const connections = (url: string, which: string): Promise<Record<string, unknown>[]> =>
    ask(
      url,
      `SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND (${which})`,
    );
  const LISTENERS = "query LIKE '%pg_notify%' OR query LIKE 'LISTEN%' OR query LIKE '%clock_timestamp%'";

  describe("two brokers on one database", () => {
    let url: string;
    let one: BrokerProcess;
    let other: BrokerProcess;
    let ann: TestPeer;
    let ben: TestPeer;
    beforeAll(async () => {
      ({ url, one, other } = await two());
      [ann, ben] = [await newPeer(one, "ann"), await newPeer(other, "ben")];
    });

    test("share peers, pools and messages, and publish hints to each other's streams", async () => {
      const stream = await openEvents(other, ben);
      await stream.count(1);
      await ok(one, "send_message", { to: "ben", text: "from the other side" }, ann);
      await stream.count(2);
      const { messages } = await ok(other, "check_messages", {}, ben);
      expect(messages).toMatchObject([{ from_name: "ann", text: "from the other side" }]);
      // At the other broker.
      expect((await ok(other, "list_peers", {}, ann)).peers.map(({ name }) => name)).toEqual(["ann", "ben"]);
      await ok(other, "create_pool", { name: "team", purpose: "tests" }, ann);
      await ok(one, "join_pool", { pool: "team" }, ben);
      expect((await ok(other, "pool_status", { pool: "team" }, ann)).members.map(({ name }) => name)).toEqual([
        "ann",
        "ben",
      ]);
    });

    test("give a name to one of many that register at both", async () => {
      const names = await Promise.all(
        Array.from({ length: 20 }, (_, i) => newPeer(i % 2 ? one : other, "crowd").then(({ name }) => name)),
      );
      expect(new Set(names).size).toBe(20);
    });

    test("send a message once that is repeated at the other broker, with the same answer", async () => {
      const input = { to: "ben", text: "only once", message_id: newMessageId() };
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) => ok(i % 2 ? one : other, "send_message", input, ann)),
      );
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      const texts = (await ok(one, "messages", { limit: 50 })).messages.map(({ text }) => text);
      expect(texts.filter((text) => text === "only once")).toHaveLength(1);
    });

    /** Repeats a call that is refused because of overload, as clients do: nothing of it was stored. */
    const accepted = (make: () => Promise<Answer>): Promise<Answer> =>
      until("it is accepted", async () => {
        const answer = await make();
        expect([200, 503], answer.text).toContain(answer.status);
        return answer.status === 200 && answer;
      });

    test("deliver exactly once between 200 peers that send and check at both at the same time", async () => {
      const [from, to] = [await newPeer(one, "many"), await newPeer(other, "taker")];
      const taken: string[] = [];
      const pairs = Array.from({ length: 200 }, async (_, i) => {
        const [here, there] = i % 2 ? [one, other] : [other, one];
        // Each pair is a sender and a receiver of its own.
        const input = { to: "taker", text: `pair ${i}`, message_id: newMessageId() };
        const sent = accepted(() => call(here, "send_message", input, from));
        const got = accepted(() => call(there, "check_messages", { limit: 5 }, to));
        return Promise.all([sent, got]);
      });
      const take = (messages: readonly { text: string; redelivered: boolean }[]): void => {
        // Nothing is confirmed here: on a slow machine mail comes again after its lease, marked.
        for (const { text, redelivered } of messages) if (!redelivered || !taken.includes(text)) taken.push(text);
      };
      for (const [, got] of await Promise.all(pairs)) take((got.json as OutputOf<"check_messages">).messages);
      for (;;) {
        const { messages } = await ok(one, "check_messages", { limit: 100 }, to);
        if (messages.length === 0) break;
        take(messages);
      }
      expect(taken.toSorted()).toEqual(Array.from({ length: 200 }, (_, i) => `pair ${i}`).toSorted());
    });

    test("close the streams of a device that is revoked at the other", async () => {
      const device = await ok(one, "add_device", { name: "desk" });
      const theirs = { ...other, token: device.token };
      const stream = await openEvents(theirs, await newPeer(theirs, "at-desk"));
      await ok(one, "revoke_device", { device: "desk" });
      expect(await stream.over).toBe("ended");
      expect(await refused(theirs, "list_peers", {})).toMatchObject({ code: "unauthorized" });
    });

    test("catch up after a broken connection between them", async () => {
      const stream = await openEvents(other, ben);
      await ok(other, "check_messages", { limit: 100 }, ben);
      const before = stream.seen().length;
      await connections(url, LISTENERS);
      await ok(one, "send_message", { to: "ben", text: "said while you were deaf" }, ann);
      await until("the hint comes", () => stream.seen().length > before);
      expect((await ok(other, "check_messages", { limit: 100 }, ben)).messages.map(({ text }) => text)).toContain(
        "said while you were deaf",
      );
    });

    test("lose no message when the database closes connections during work", async () => {
      const [from, to] = [await newPeer(one, "stubborn"), await newPeer(other, "patient")];
      const accepted: string[] = [];
      let ending = true;
      const ender = (async () => {
        while (ending) {
          await connections(url, "true");
          await new Promise((resolve) => setTimeout(resolve, 250));
        }
      })();
      for (let i = 0; i < 80; i++) {
        const input = { to: "patient", text: `persistent ${i}`, message_id: newMessageId() };
        await until("it is taken", async () => {
          const answer = await call(i % 2 ? one : other, "send_message", input, from);
          expect([200, 503], answer.text).toContain(answer.status);
          return answer.status === 200;
        });
        accepted.push(input.text);
      }
      ending = false;
      await ender;
      const got: string[] = [];
      while (got.length < accepted.length) {
        const { messages } = await ok(other, "check_messages", { limit: 100 }, to);
        expect(messages).not.toEqual([]);
        got.push(...messages.map(({ text }) => text));
      }
      expect(got).toEqual(accepted);
    });
  });

  test("brokers' clocks that differ by hours do not matter: they use the database's clock", async () => {
    const url = await server.database();
    const [early, late] = [testClock(), testClock()];
    early.forward(-3 * 3_600_000);
    late.forward(3 * 3_600_000);
    const [one, other] = await Promise.all([on(url, early.env), on(url, late.env)]);
    const [ann, ben] = [await newPeer(one, "ann"), await newPeer(other, "ben")];
    for (let i = 0; i < 10; i++) await ok(i % 2 ? one : other, "send_message", { to: "ben", text: `${i}` }, ann);
    const { messages } = await ok(one, "check_messages", {}, ben);
    expect(messages.map(({ text }) => text)).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`));
    const [row] = await ask(url, "SELECT max(abs(sent_at - extract(epoch FROM now()) * 1000)) AS off FROM messages");
    expect(Number(row?.off)).toBeLessThan(60_000);
    // Neither broker lets the other's claims lapse or its sessions go offline.
    const held = messages.map(({ message_id, attempt }) => ({ message_id, attempt }));
    for (let i = 0; i < 5; i++) {
      // They live, however slow this machine is.
      await ok(one, "heartbeat", { host_pid: ann.place.host_pid, held: [] }, ann);
      await ok(other, "heartbeat", { host_pid: ben.place.host_pid, held }, ben);
      await new Promise((resolve) => setTimeout(resolve, 900));
    }
    expect((await ok(other, "list_peers", {})).peers.map(({ presence }) => presence)).toEqual(["idle", "idle"]);
    const [claimed] = await ask(url, "SELECT count(*) AS n FROM deliveries WHERE state = 'claimed' AND attempt = 1");
    expect(Number(claimed?.n)).toBe(10);
  });

  describe("a database that is down", () => {
    test("is reported clearly, streams stay open, and work continues when it is back", async () => {
      const own = await startPostgres();
      const broker = await on(await own.database());
      const [ann, ben] = [await newPeer(broker, "ann"), await newPeer(broker, "ben")];
      await ok(broker, "send_message", { to: "ben", text: "before" }, ann);
      const stream = await openEvents(broker, ben);
      await stream.count(1);
      // A crash: what was confirmed must be kept.
      await own.stop("SIGQUIT");
      for (let i = 0; i < 5; i++) {
        expect(await refused(broker, "send_message", { to: "ben", text: "meanwhile" }, ann)).toMatchObject({
          status: 503,
          code: "unavailable",
          message: expect.stringContaining("database does not answer"),
        });
      }
      await own.start();
      // An answer that is lost may be one of a message that is stored.
      const after = { to: "ben", text: "after", message_id: newMessageId() };
      await until("it is taken again", async () => (await call(broker, "send_message", after, ann)).status === 200);
      await stream.count(2);
      const { messages } = await ok(broker, "check_messages", {}, ben);
      expect(messages.map(({ text }) => text)).toEqual(["before", "after"]);
    });

    test("that hangs does not block every request, and is used again when it recovers", async () => {
      const own = await startPostgres();
      // With the usual patience: it finds out soon.
      const broker = await on((await own.database()).replace(/\?.*/, ""));
      const [ann, ben] = [await newPeer(broker, "ann"), await newPeer(broker, "ben")];
      const stream = await openEvents(broker, ben);
      await stream.count(1);
      own.freeze();
      const say = (text: string) => call(broker, "send_message", { to: "ben", text }, ann);
      // The first request finds out (circuit breaker); then one at a time tries again.
      expect((await say("too early")).status).toBe(503);
      const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => say(`too early ${i}`)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503));
      expect(answers[0]?.headers["retry-after"]).toBe("1");
      own.thaw();
      await until("it is taken again", async () => (await say("at last")).status === 200);
      await stream.count(2);
      const { messages } = await ok(broker, "check_messages", {}, ben);
      expect(messages.map(({ text }) => text)).toContain("at last");
    });

    test("prevents the start with a clear error that does not contain the password", async () => {
      const secret = "s3cret-w0rd";
      const exit = await refusedStart({ env: { CCT_DATABASE_URL: `postgres://cct:${secret}@127.0.0.1:1/cct` } });
      expect(exit.code).toBe(1);
      expect(exit.stderr).toContain("database does not answer (ECONNREFUSED)");
      expect(exit.stderr + exit.stdout).not.toContain(secret);
    });
  });

  test("a database with a schema that breaks older programs is refused", async () => {
    const url = await server.database();
    const broker = await on(url);
    await broker.stop("SIGTERM");
    const [row] = await ask(url, "SELECT max(version) AS version FROM schema_migrations");
    const add = "INSERT INTO schema_migrations (version, name, applied_at, breaking) VALUES ($1, 'newer.sql', 1, $2)";
    await ask(url, add, [Number(row?.version) + 1, 0]);
    await (await on(url)).stop("SIGTERM");
    await ask(url, add, [Number(row?.version) + 2, 1]);
    const exit = await refusedStart({ env: { CCT_DATABASE_URL: url } });
    expect(exit).toMatchObject({ code: 1, stderr: expect.stringContaining("Use the newer version of CCT") });
  });

  test("TLS to the database needs a valid certificate", async () => {
    const folder = tempFolder();
    const [cert, key] = [join(folder, "server.crt"), join(folder, "server.key")];
    const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    const openssl = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
    execFileSync("openssl", [...openssl, "-addext", names, "-keyout", key, "-out", cert], { stdio: "ignore" });
    for (const path of [folder, cert, key]) give(path);
    const own = await startPostgres({ ssl: "on", ssl_cert_file: cert, ssl_key_file: key });
    const url = await own.database();
    const ours = join(tempFolder(), "ca.crt");
    copyFileSync(cert, ours);
    const broker = await on(`${url}&sslmode=verify-full&sslrootcert=${ours}`);
    await newPeer(broker, "ann");
    const seen =
      "SELECT DISTINCT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE application_name = 'cct'";
    expect(await ask(url, seen)).toEqual([{ ssl: true }]);
    // A certificate of an unknown authority.
    const exit = await refusedStart({ env: { CCT_DATABASE_URL: `${url}&sslmode=verify-full` } });
    expect(exit).toMatchObject({ code: 1, stderr: expect.stringMatching(/database.*SELF_SIGNED/) });
  });

  test("one home has one broker, even if its database is elsewhere", async () => {
    const url = await server.database();
    const first = await on(url);
    const exit = await refusedStart({ home: first.home, env: { CCT_DATABASE_URL: url } });
    expect(exit).toMatchObject({ code: 1, stderr: expect.stringContaining("A broker already serves") });
  });
});
