/** The feed for people: what happens arrives in batches, each thing once, and only what the reader may see. */
import { createServer, type ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createFeed } from "../../src/broker/streams/feed.ts";
import type { FeedBatch } from "../../src/operations/support/feed-rows.ts";
import { type Changed, MAX_READERS } from "../../src/rules/feed.ts";
import { ok, refusal, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { openFeed } from "../support/feed.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";

describe("at a broker", () => {
  let broker: TestBroker;
  let ann: TestPeer;
  let bob: TestPeer;
  beforeAll(async () => {
    broker = await startBroker();
    [ann, bob] = [await newPeer(broker, "ann"), await newPeer(broker, "bob")];
    // That a session falls silent is told, too.
    stayAlive(broker, ann, bob);
  });

  const say = (text: string): Promise<{ message_id: string }> => ok(broker, "send_message", { to: "bob", text }, ann);

  test("a message, what becomes of it and how much waits are told, with its beginning only", async () => {
    const feed = await openFeed(broker);
    await feed.find("the beginning", (batch) => batch.look_again === true);
    const { message_id } = await say("x".repeat(5_000));
    const told = await feed.find(
      "the message",
      ({ messages }) => messages?.some((one) => one.message_id === message_id) === true,
    );
    expect(told.messages).toMatchObject([
      { text: "x".repeat(400), characters: 5_000, from: ann.peer_id, to_id: bob.peer_id, states: { queued: 1 } },
    ]);
    expect(told.mail?.[bob.peer_id]).toBeGreaterThan(0);
    const { messages } = await ok(broker, "claim_messages", { limit: 9, budget: 90_000 }, bob);
    const acks = messages.map((one) => ({
      message_id: one.message_id,
      attempt: one.attempt,
      outcome: "read" as const,
    }));
    await ok(broker, "ack_messages", { acks }, bob);
    await feed.find("its receipt", ({ receipts, mail }) =>
      Boolean(
        receipts?.some((one) => one.message_id === message_id && one.states.read === 1) && mail?.[bob.peer_id] === 0,
      ),
    );
    // Sent once, not once more with each receipt.
    expect(feed.batches.flatMap((batch) => batch.messages ?? []).map((one) => one.message_id)).toEqual([message_id]);
  });

  test("sessions, pools, services and what needs the operator are told when they change", async () => {
    const feed = await openFeed(broker);
    await feed.find("the beginning", (batch) => batch.look_again === true);
    await ok(broker, "heartbeat", { host_pid: ann.place.host_pid, held: [], presence: "blocked" }, ann);
    const blocked = await feed.find(
      "the block",
      ({ peers }) => peers?.some((one) => one.presence === "blocked") === true,
    );
    expect(blocked).toMatchObject({ attention: true, peers: [{ name: "ann", since: expect.any(Number) }] });
    await ok(broker, "create_pool", { name: "hall", purpose: "x" }, ann);
    const pooled = await feed.find("the pool", ({ pools }) => pools?.some((one) => one.name === "hall") === true);
    expect(pooled).toMatchObject({ pools: [{ size: 1, lead: ann.peer_id }] });
    await ok(broker, "archive_pool", { pool: "hall" });
    await feed.find(
      "its end",
      ({ gone_pools }) => gone_pools?.some((id) => id === pooled.pools?.[0]?.pool_id) === true,
    );
    await ok(broker, "register_service", { kind: "db", url: "http://127.0.0.1:1/", host: "elsewhere" }, ann);
    await feed.find("the service", ({ services }) => services === true);
    await ok(broker, "send_message", { to: "operator", text: "may I?" }, ann);
    await feed.find(
      "the question",
      ({ messages, attention }) => messages?.some((one) => one.to === "operator") === true && attention === true,
    );
    const carl = await newPeer(broker, "carl");
    await ok(broker, "unregister", { host_pid: carl.place.host_pid, ends: true }, carl);
    await feed.find("that it is gone", ({ gone }) => gone?.includes(carl.peer_id) === true);
  });

  test("a heartbeat that says nothing new tells nothing", async () => {
    const feed = await openFeed(broker);
    await feed.find("the beginning", (batch) => batch.look_again === true);
    const beat = () => ok(broker, "heartbeat", { host_pid: bob.place.host_pid, held: [] }, bob);
    await beat();
    await beat();
    const { message_id } = await say("after the heartbeats");
    await feed.find("the message", ({ messages }) => messages?.some((one) => one.message_id === message_id) === true);
    expect(feed.batches.flatMap((batch) => batch.peers ?? [])).toEqual([]);
  });

  test("a reader that comes back gets what it missed, once; one with an unknown place looks again", async () => {
    const has =
      ({ message_id }: { message_id: string }) =>
      ({ messages }: FeedBatch): boolean =>
        messages?.some((one) => one.message_id === message_id) === true;
    let tries = 0;
    const { feed, again } = await until(
      "one that comes back in ten seconds, which a slow machine may miss",
      async () => {
        tries++;
        const feed = await openFeed(broker);
        await feed.find("the first", has(await say(`first ${tries}`)));
        feed.close();
        await feed.ended;
        const since = performance.now();
        const missed = await say(`missed ${tries}`);
        const again = await openFeed(broker, feed.place());
        await again.find("a batch", (batch) => batch.look_again === true || has(missed)(batch));
        if (performance.now() - since < 10_000) return { feed, again };
        again.close();
        return undefined;
      },
    );
    await again.find("the later one", has(await say("later")));
    const texts = again.batches.flatMap((batch) => batch.messages ?? []).map((one) => one.text);
    expect(texts).toEqual([`missed ${tries}`, "later"]);
    expect(again.batches.some((batch) => batch.look_again)).toBe(false);
    for (const place of ["0badcafe.3", `${feed.place()?.split(".")[0]}.999999`, "nonsense"]) {
      const other = await openFeed(broker, place);
      expect(await other.find("the beginning", () => true)).toEqual({ look_again: true });
      other.close();
    }
  });

  test("another machine is told of sessions and public pools, and of nothing else", async () => {
    const [read, admin] = [
      await ok(broker, "add_device", { name: "reader", scope: "read" }),
      await ok(broker, "add_device", { name: "boss", scope: "admin" }),
    ];
    const theirs = await openFeed({ ...broker, token: read.token });
    const full = await openFeed({ ...broker, token: admin.token });
    for (const feed of [theirs, full]) await feed.find("the beginning", (batch) => batch.look_again === true);
    const { pool } = await ok(broker, "create_pool", { name: "den", purpose: "hidden", private: true }, ann);
    await ok(broker, "create_pool", { name: "yard", purpose: "seen" }, ann);
    await ok(broker, "send_message", { to: "operator", text: "a secret question?" }, bob);
    await ok(broker, "archive_pool", { pool: pool.pool_id }, ann);
    await ok(broker, "heartbeat", { host_pid: bob.place.host_pid, held: [], presence: "active" }, bob);
    await full.find("the private pool's end", ({ gone_pools }) => gone_pools?.includes(pool.pool_id) === true);
    await theirs.find("the session", ({ peers }) => peers?.some((one) => one.presence === "active") === true);
    await theirs.find("the pool", ({ pools }) => pools?.some((one) => one.name === "yard") === true);
    const all = JSON.stringify(theirs.batches);
    for (const secret of ["den", pool.pool_id, "secret question", "messages", "receipts", "attention", "lead"])
      expect(all).not.toContain(secret);
    expect(theirs.batches.flatMap((batch) => batch.peers ?? []).flatMap((peer) => peer.pools)).toEqual([]);
    await ok(broker, "revoke_device", { device: "reader" });
    await theirs.ended;
  });

  test("peers, and join strings, may not read it", async () => {
    const get = (token: string, as?: TestPeer) =>
      send(broker, { method: "GET", path: "/feed", headers: { authorization: `Bearer ${token}` }, as });
    expect(refusal(await get(broker.token, ann)).code).toBe("forbidden");
    expect(refusal(await get((await ok(broker, "invite_device", {})).code)).code).toBe("forbidden");
    expect(refusal(await get("0".repeat(32))).code).toBe("unauthorized");
  });
});

describe("the feed of a broker", () => {
  let works: Clockwork;
  let reads: number;
  /** How many of them have their batch, which is sent in the same turn of the event loop. */
  let answered: number;
  let shared: Changed[];
  let isWatched: boolean;
  beforeEach(async () => {
    works = await openClockwork();
    reads = answered = 0;
    shared = [];
    isWatched = false;
  });

  const newFeed = (keepAliveMs?: number) =>
    createFeed({
      store: {
        async read(read) {
          reads++;
          const batch = await works.environment.store.read(read);
          answered++;
          return batch;
        },
      },
      now: works.now,
      steady: () => works.now(),
      run: "0a1b2c3d",
      others: () => ({ isWatched: () => isWatched, share: (what) => void shared.push(what), watch: () => {} }),
      ...(keepAliveMs !== undefined && { keepAliveMs }),
    });

  /** A response whose client reads only when it is told to. */
  async function slowResponse() {
    const written: string[] = [];
    let next: (() => void) | undefined;
    const socket = new Duplex({
      highWaterMark: 10,
      read() {},
      write(chunk, _encoding, done) {
        written.push(String(chunk));
        next = done;
      },
    });
    const response = await new Promise<ServerResponse>((resolve) => {
      createServer((_request, answer) => resolve(answer)).emit("connection", socket);
      socket.push("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    });
    return {
      response,
      text: () => written.join(""),
      readAll: async () => {
        while (next) {
          const done = next;
          next = undefined;
          done();
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    };
  }

  const reader = (response: ServerResponse, after?: string) => ({
    response,
    sees: "all" as const,
    after,
    device: undefined,
    revocable: [],
    mayRead: async () => {},
  });

  test("costs nothing while nobody reads: nothing is read, and nothing is told to other brokers", async () => {
    const feed = newFeed();
    feed.changed({ what: "peer", id: "a".repeat(32) });
    feed.happened({ what: "sent", seq: 1 });
    feed.lookAgain();
    expect([reads, shared.length, feed.isRead()]).toEqual([0, 0, false]);
    isWatched = true;
    feed.happened({ what: "sent", seq: 2 });
    expect(shared).toEqual([{ what: "message", seq: 2 }]);
    expect(reads).toBe(0);
    feed.close();
  });

  test("tells a reader that does not read to look again, and piles up nothing for it", async () => {
    const feed = newFeed();
    const slow = await slowResponse();
    feed.open(reader(slow.response));
    const peers = [await works.newPeer("ann"), await works.newPeer("bob")];
    for (const peer of peers) {
      const before = answered;
      feed.changed({ what: "peer", id: peer.peer_id });
      await until("the next batch", () => answered > before);
    }
    expect(slow.text()).not.toContain("bob");
    await slow.readAll();
    const events = slow.text().match(/^data: .*$/gm) ?? [];
    expect(events.at(-1)).toBe('data: {"look_again":true}');
    expect(
      slow
        .text()
        .match(/^id: .*$/gm)
        ?.at(-1),
    ).toBe("id: 0a1b2c3d.3");
    feed.close();
  });

  test("tells everybody to look again when very much changes at once, without reading it", async () => {
    const feed = newFeed();
    const open = await slowResponse();
    feed.open(reader(open.response));
    await open.readAll();
    for (let seq = 0; seq < 5_000; seq++) feed.happened({ what: "sent", seq });
    await until("the batch", async () => {
      await open.readAll();
      return /id: 0a1b2c3d\.2\nevent: changes\ndata: {"look_again":true}/.test(open.text());
    });
    expect(reads).toBe(0);
    feed.close();
  });

  test("ends the stream of a reader whose right has ended, and the oldest when there are too many", async () => {
    const feed = newFeed(20);
    let mayRead = true;
    const one = await slowResponse();
    feed.open({
      ...reader(one.response),
      mayRead: async () => (mayRead ? undefined : Promise.reject(new Error("no"))),
    });
    mayRead = false;
    await until("its end", () => one.response.writableEnded);
    const many = await Promise.all(Array.from({ length: MAX_READERS + 1 }, slowResponse));
    for (const { response } of many) feed.open(reader(response));
    expect(many.filter(({ response }) => response.writableEnded)).toHaveLength(1);
    feed.close();
    expect(many.every(({ response }) => response.writableEnded)).toBe(true);
  });
});
