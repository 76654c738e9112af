import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { call, ok } from "../support/api.ts";
import { refusedStart, spawnBroker, startBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { openEvents } from "../support/events.ts";
import { tempHome } from "../support/folders.ts";
import { allTexts, newPeer } from "../support/peers.ts";
import { freePort } from "../support/ports.ts";
import { until } from "../support/wait.ts";

const noteOf = (home: string): string => join(home, "broker.json");

describe("a killed broker", () => {
  test("has kept all messages that it confirmed, and all peers", async () => {
    const home = tempHome();
    let broker = await spawnBroker({ home });
    const peer = await newPeer(broker, "keeper");
    const accepted: string[] = [];
    for (let round = 0; round < 3; round++) {
      let sent = 0;
      let killed = false;
      const senders = Array.from({ length: 8 }, async (_, who) => {
        for (let i = 0; !killed; i++) {
          const text = `round ${round}, sender ${who}, message ${i}`;
          const answer = await call(broker, "send_message", { to: "keeper", text }).catch(() => undefined);
          if (answer?.status !== 200) return;
          accepted.push(text);
          sent += 1;
        }
      });
      await until("a hundred accepted messages", () => sent >= 100);
      expect(await broker.stop("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
      killed = true;
      await Promise.all(senders);
      broker = await spawnBroker({ home });
      const kept = new Set(await allTexts(broker));
      expect(accepted.filter((text) => !kept.has(text))).toEqual([]);
    }
    // An answer has as much as a host shows.
    let taken = 0;
    for (let isMore = true; isMore; ) {
      const { messages, remaining } = await ok(broker, "check_messages", { limit: 100 }, peer);
      if (taken === 0) expect(messages.length).toBeGreaterThan(50);
      taken += messages.length;
      const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
      await ok(broker, "ack_messages", { acks }, peer);
      isMore = remaining > 0;
    }
    expect(taken).toBeGreaterThanOrEqual(accepted.length);
    expect((await ok(broker, "list_peers", {}, peer)).peers).toMatchObject([{ name: "keeper", you: true }]);
  });

  test("has kept the state of each delivery", async () => {
    const home = tempHome();
    const first = await spawnBroker({ home });
    const peer = await newPeer(first, "keeper");
    const { message_id } = await ok(first, "send_message", { to: "keeper", text: "x" });
    await ok(first, "check_messages", {}, peer);
    await ok(first, "ack_messages", { acks: [{ message_id, attempt: 1, outcome: "delivered" }] }, peer);
    await first.stop("SIGKILL");
    const second = await startBroker({ home });
    const { recipients } = await ok(second, "message_status", { message_id });
    expect(recipients).toMatchObject([{ state: "delivered", attempts: 1 }]);
    await ok(second, "ack_messages", { acks: [{ message_id, attempt: 1, outcome: "read" }] }, peer);
  });

  test("keeps the order of messages after the restart", async () => {
    const home = tempHome();
    const texts: string[] = [];
    for (let life = 0; life < 3; life++) {
      const broker = await spawnBroker({ home });
      if (life === 0) await newPeer(broker, "keeper");
      for (let i = 0; i < 5; i++) {
        texts.push(`${life}.${i}`);
        await ok(broker, "send_message", { to: "keeper", text: `${life}.${i}` });
      }
      expect(await allTexts(broker)).toEqual(texts);
      await broker.stop("SIGKILL");
    }
  });
});

describe("a broker that is stopped", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "by %s exits with 0, closes its streams, and removes its broker file",
    async (signal) => {
      const broker = await spawnBroker();
      const peer = await newPeer(broker, "listener");
      const events = await openEvents(broker, peer);
      await events.count(1);
      expect(existsSync(noteOf(broker.home))).toBe(true);
      expect(await broker.stop(signal)).toEqual({ code: 0, signal: null });
      expect(await events.over).toBe("ended");
      expect(existsSync(noteOf(broker.home))).toBe(false);
      expect(broker.process.stderr()).toBe("");
    },
  );

  test("answers the requests that it had received, and has stored them", async () => {
    const broker = await spawnBroker();
    await newPeer(broker, "keeper");
    const sends = Array.from({ length: 40 }, (_, i) =>
      call(broker, "send_message", { to: "keeper", text: `last words ${i}` }).then(
        (answer) => (answer.status === 200 ? `last words ${i}` : undefined),
        () => undefined,
      ),
    );
    await Promise.race(sends);
    await broker.stop("SIGTERM");
    const accepted = (await Promise.all(sends)).filter((text) => text !== undefined);
    const again = await startBroker({ home: broker.home });
    const kept = await allTexts(again);
    expect(accepted.filter((text) => !kept.includes(text))).toEqual([]);
    expect(accepted.length).toBeGreaterThan(0);
  });

  test("twice still exits with 0", async () => {
    const broker = await spawnBroker();
    broker.process.child.kill("SIGTERM");
    broker.process.child.kill("SIGTERM");
    expect(await broker.process.exited).toEqual({ code: 0, signal: null });
  });
});

describe("a second broker", () => {
  test("for the same home is refused with the first one's process and URL", async () => {
    const first = await startBroker();
    const second = await refusedStart({ home: first.home });
    expect(second).toMatchObject({ code: 1, stdout: "" });
    expect(second.stderr).toContain(String(first.pid));
    expect(second.stderr).toContain(first.url);
    expect(second.stderr).toContain("cct kill");
    expect(second.stderr.trim().split("\n")).toHaveLength(1);
    await ok(first, "list_peers", {});
    expect(JSON.parse(readFileSync(noteOf(first.home), "utf8"))).toMatchObject({ pid: first.pid });
  });

  test("is refused with a code that the process which started it can recognise", async () => {
    const first = await startBroker();
    const second = await refusedStart({
      home: first.home,
      within: ([node = "", ...args]) => [node, [...args, "--json-errors"]],
    });
    expect(second.code).toBe(1);
    expect(JSON.parse(second.stderr)).toMatchObject({ error: { code: "already_running" } });
  });

  test("is refused to four of five that start at once", async () => {
    const home = tempHome();
    const all = await Promise.allSettled(Array.from({ length: 5 }, () => spawnBroker({ home })));
    const serving = all.filter((one) => one.status === "fulfilled").map((one) => one.value);
    expect(serving).toHaveLength(1);
    for (const broker of serving) await ok(broker, "list_peers", {});
    for (const one of all)
      if (one.status === "rejected") expect(String(one.reason)).toContain("A broker already serves");
  });

  test("for another home runs beside the first, and accepts only its own token", async () => {
    const [first, second] = [await startBroker(), await startBroker()];
    expect(second.url).not.toBe(first.url);
    expect(second.token).not.toBe(first.token);
    expect((await call({ ...second, token: first.token }, "list_peers", {})).status).toBe(401);
  });

  test("can start at once after the first was killed, and replaces its broker file", async () => {
    const first = await spawnBroker();
    await first.stop("SIGKILL");
    expect(existsSync(noteOf(first.home))).toBe(true);
    const second = await startBroker({ home: first.home });
    expect(second.token).toBe(first.token);
    await ok(second, "list_peers", {});
  });
});

describe("a port", () => {
  test("that another program uses is named in the error", async () => {
    const server = createServer((_, response) => response.end("somebody else"));
    atEnd(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const refused = await refusedStart({ port });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(String(port));
    expect(refused.stderr).toMatch(/CCT_PORT|cct config set port/);
    expect(refused.stderr.trim().split("\n")).toHaveLength(1);
  });

  test("can be used again after its broker has ended", async () => {
    const port = await freePort();
    const first = await spawnBroker({ port });
    await newPeer(first, "keeper");
    await first.stop("SIGTERM");
    const second = await spawnBroker({ home: first.home, port });
    expect(second.url).toBe(first.url);
  });
});

test.each(["192.0.2.77", "example.invalid"])(
  "a broker does not start on %s, which is not an address of this machine, and names it",
  async (address) => {
    const refused = await refusedStart({ env: { CCT_HOST: address } });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(address);
  },
);

test("a broker whose home has been removed exits", async () => {
  const broker = await spawnBroker();
  // All at once: it writes its file again while the rest of its home is there.
  renameSync(broker.home, `${broker.home}.removed`);
  expect(await broker.process.exited).toEqual({ code: 0, signal: null });
});

test("a broker that cannot write its broker file exits", async () => {
  const home = tempHome();
  // Something else has its name.
  mkdirSync(join(home, "broker.json"), { recursive: true });
  const { code, stderr } = await refusedStart({ home });
  expect(code).toBe(1);
  expect(stderr).toMatch(/cannot write .*broker\.json/);
});
