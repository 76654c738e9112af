/** Limits per client, and the errors for exceeding them. */
import { createServer, type ServerResponse } from "node:http";
import { beforeAll, describe, expect, test } from "vitest";
import { createFanout, MAX_STREAMS } from "../../src/broker/streams/fanout.ts";
import { MAX_CLAIMS, MAX_POOLS, MAX_PROPOSALS, MAX_SERVICES } from "../../src/rules/quotas.ts";
import { call, goodHeaders, ok, refusal, refused, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { openEvents } from "../support/events.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { listening } from "../support/ports.ts";
import { head, type Raw, raw } from "../support/raw.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
let ann: TestPeer;
beforeAll(async () => {
  broker = await startBroker();
  ann = await newPeer(broker, "ann");
});

const host = { host: "127.0.0.1" };
const status = (answer: string): string => /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? answer;
const body = (answer: string): unknown => JSON.parse(answer.split("\r\n\r\n")[1] ?? "");

describe("an incomplete request", () => {
  test("is cut off with a reason: in its headers, in its body, and before its first byte", async () => {
    const impatient = await startBroker({ timing: { clientTimeoutMs: 1_000 } });
    const whole = head("POST /api/list_peers", { ...host, ...goodHeaders(impatient, { body: "{ }" }) });
    const begun = `${whole}\r\n{`;
    const slow = [raw(impatient), raw(impatient, "GET /health HTTP/1.1\r\nhost: "), raw(impatient, begun)];
    const drip = setInterval(() => slow[1]?.socket.write("x"), 100);
    for (const connection of slow) {
      const answer = await connection.over;
      expect(status(answer)).toBe("408");
      expect(body(answer)).toMatchObject({
        error: { code: "bad_request", message: expect.stringContaining("in time") },
      });
    }
    clearInterval(drip);
  });

  test("with headers that are too large is refused", async () => {
    const answer = await raw(broker, head("GET /health", { ...host, x: "y".repeat(20_000) })).over;
    expect(status(answer)).toBe("431");
    expect(body(answer)).toMatchObject({ error: { code: "too_large", hint: expect.stringContaining("body") } });
  });

  test("with two authorization headers is refused", async () => {
    const twice = `${head("GET /health", { ...host, authorization: "Bearer a" })}authorization: Bearer b\r\n\r\n`;
    const one = raw(broker, twice);
    await until("an answer", () => one.said() !== "");
    expect(status(one.said())).toBe("400");
    expect(one.said()).toContain("two authorization headers");
  });
});

describe("connections", () => {
  test.each([
    ["of one address", "CCT_CONNECTIONS_PER_ADDRESS", 5],
    ["in all", "CCT_MAX_CONNECTIONS", 16],
  ])("%s, without a token, make room for those with one, which stay", async (_, setting, most) => {
    const small = await startBroker({ env: { [setting]: String(most) }, timing: { clientTimeoutMs: 120_000 } });
    const request = `${head("GET /health", { ...host, ...goodHeaders(small, {}) })}\r\n`;
    const proving = `${head("GET /status", { ...host, ...goodHeaders(small, {}) })}\r\n`;
    const idle: Raw[] = [];
    for (let i = 0; i < most - 1; i++) {
      idle.push(raw(small));
      await until("the connection", () => idle[i]?.socket.readyState === "open");
    }
    // The broker has admitted the connections that it answered.
    const good: Raw[] = [];
    for (let i = 0; i < most; i++) {
      const one = raw(small, proving);
      await until("an answer", () => one.said().includes('"ready"'));
      good.push(one);
    }
    for (const one of idle) expect(await one.over).toBe("");
    const answer = await raw(small, request).over;
    expect(status(answer)).toBe("429");
    expect(body(answer)).toMatchObject({
      error: { code: "rate_limited", message: expect.stringContaining("connections") },
    });
    for (const one of good) expect(one.socket.readyState).toBe("open");
  });

  test("of one address are limited in requests, and told how long to wait", async () => {
    const slow = await startBroker({ env: { CCT_REQUESTS_PER_SECOND: "2", CCT_REGISTRATIONS_PER_MINUTE: "3" } });
    const ask = () => send(slow, { method: "GET", path: "/health" });
    for (let i = 0; i < 10; i++) expect((await ask()).status).toBe(200);
    // Side by side, so that also a slow machine sends faster than the bucket fills.
    const more = await Promise.all(Array.from({ length: 100 }, ask));
    const last = more.find((one) => one.status === 429);
    expect(last && refusal(last)).toMatchObject({ code: "rate_limited", hint: expect.stringContaining("1 s") });
    expect(last?.headers["retry-after"]).toBe("1");
  });

  test("cannot register too many peers per minute or in total; known peers come back regardless", async () => {
    const env = { CCT_REGISTRATIONS_PER_MINUTE: "4", CCT_MAX_PEERS: "3" };
    const small = await startBroker({ env });
    const [first] = [await newPeer(small, "one"), await newPeer(small, "two"), await newPeer(small, "three")];
    const four = { ...first?.place, host_pid: 4, name: "four", held: [] };
    expect(await refused(small, "register", four)).toMatchObject({
      code: "rate_limited",
      message: expect.stringContaining("the limit is 3"),
      hint: expect.stringContaining("max_peers"),
    });
    // A slow machine may have been given another one meanwhile.
    const flood = await until("a refusal of its rate", async () => {
      const answer = await call(small, "register", four);
      return refusal(answer).message.includes("registrations") && answer;
    });
    expect(Number(flood.headers["retry-after"])).toBeGreaterThan(0);
    const elsewhere = { ...first?.place, host: "elsewhere", host_pid: 1, cwd: "/", held: [] };
    expect((await call(small, "register", elsewhere)).status).toBe(429);
    if (first) await ok(small, "register", first.place, first);
    expect((await ok(small, "list_peers", { all: true })).peers).toHaveLength(3);
  });

  test("with wrong credentials get delayed answers; others at the same address do not", async () => {
    const wrong = () =>
      send(broker, { method: "GET", path: "/events", headers: { authorization: `Bearer ${"0".repeat(32)}` } });
    // So many that the next answer is delayed for as long as any.
    await Promise.all(Array.from({ length: 20 }, wrong));
    // On a slow machine the other answer may take just as long once.
    await until("others are answered before", async () => {
      const started = performance.now();
      let isAnswered = false;
      const waits = wrong().then(() => {
        isAnswered = true;
        return performance.now() - started;
      });
      await ok(broker, "list_peers", {});
      const wasFirst = !isAnswered;
      expect(await waits).toBeGreaterThan(500);
      return wasFirst;
    });
  });
});

/** Bytes: more than the socket buffers of both sides together. */
const STALLING = 32 * 1024 * 1024;

describe("streams", () => {
  test("of one peer are limited: the oldest is closed for a new one", async () => {
    const peer = await newPeer(broker, "streamer");
    const streams = [];
    for (let i = 0; i < MAX_STREAMS + 1; i++) {
      const one = await openEvents(broker, peer);
      await one.count(1);
      streams.push(one);
    }
    expect(await streams[0]?.over).toBe("ended");
    await ok(broker, "send_message", { to: "streamer", text: "hello" });
    for (const one of streams.slice(1)) await one.count(2);
  });

  /** A stream whose client has stopped reading, with all buffers full. */
  async function stalled(pulseMs?: number) {
    const events = createFanout(async () => [], pulseMs);
    let response: ServerResponse | undefined;
    const server = createServer((_request, stream) => {
      response = stream;
      events.open("peer", undefined, stream);
    });
    const reader = raw({ url: `http://127.0.0.1:${await listening(server)}` }, `${head("GET /events", host)}\r\n`);
    reader.socket.pause();
    const stream = await until("the stream", () => response);
    stream.write(`: ${"x".repeat(STALLING)}\n\n`);
    return { events, stream, reader };
  }

  test("that are not read buffer nothing, and get one hint when they are read again", async () => {
    const { events, stream, reader } = await stalled();
    const before = stream.writableLength;
    for (let i = 0; i < 100_000; i++) events.publish({ peer_id: "peer", about: "peer" });
    expect(stream.writableLength).toBe(before);
    reader.socket.resume();
    // Searched once, after the data that stalled it: searching repeatedly would take longer than reading.
    await until("all that stalled it is read", () => reader.socket.bytesRead > STALLING);
    await until("what was missed", () => reader.said().includes("event: peer"));
    expect(reader.said().split("event: peer")).toHaveLength(2);
    events.close();
  });

  test("that are not read for long are closed", async () => {
    const { events, stream } = await stalled(100);
    await until("the stream is cut off", () => stream.destroyed && events.count() === 0);
    events.close();
  });
});

describe("a full mailbox", () => {
  test("is reported to the sender and stores nothing new, until its mail is read", async () => {
    const small = await startBroker({ env: { CCT_MAILBOX_MESSAGES: "3" } });
    const [from, to, other] = [await newPeer(small, "a"), await newPeer(small, "b"), await newPeer(small, "c")];
    for (let i = 0; i < 3; i++) await ok(small, "send_message", { to: "b", text: `mail ${i}` }, from);
    const more = { to: "b", text: "mail 3", message_id: "message-3" };
    expect(await refused(small, "send_message", more, from)).toMatchObject({
      status: 429,
      code: "rate_limited",
      message: "b's mailbox is full (at least 3 messages wait): nothing was sent to it.",
    });
    expect((await ok(small, "notes", {})).notes.map((note) => note.text)).toEqual([
      expect.stringContaining("b's mailbox is full"),
    ]);
    await ok(small, "send_message", { to: "b", text: "from a person" });

    // A broadcast reaches the others, and names those that it did not reach.
    await ok(small, "create_pool", { name: "team", purpose: "tests" }, from);
    for (const peer of [to, other]) await ok(small, "join_pool", { pool: "team" }, peer);
    const { message_id, recipients } = await ok(small, "send_message", { to: "@team", text: "all" }, from);
    expect(recipients).toMatchObject([
      { name: "b", state: "refused", note: expect.stringContaining("full") },
      { name: "c", state: "queued" },
    ]);
    expect((await ok(small, "message_status", { message_id }, from)).recipients[0]).toMatchObject({
      state: "refused",
      reason: expect.stringContaining("full"),
    });
    expect(await refused(small, "resend_message", { message_id }, from)).toMatchObject({ code: "rate_limited" });

    const taken = await ok(small, "check_messages", {}, to);
    expect(taken.messages.map((one) => one.text)).toEqual([
      "mail 0",
      "mail 1",
      "mail 2",
      "from a person",
      // What another peer causes finds room.
      expect.stringContaining("joined"),
    ]);
    const acks = taken.messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
    await ok(small, "ack_messages", { acks }, to);
    // The refused message can be sent now, under the same id.
    expect((await ok(small, "send_message", more, from)).recipients[0]?.state).toBe("queued");
    await ok(small, "resend_message", { message_id }, from);
    const again = await ok(small, "check_messages", {}, to);
    expect(again.messages.map((one) => one.text).sort()).toEqual(["all", "mail 3"]);
  });
});

describe("one peer", () => {
  test("can hold a limited number of claims", async () => {
    const free = await startBroker({ env: { CCT_SENDS_PER_MINUTE: "0", CCT_SENDS_PER_PAIR: "0" } });
    const peer = await newPeer(free, "holder");
    const sends = Array.from({ length: MAX_CLAIMS + 10 }, (_, i) =>
      ok(free, "send_message", { to: "holder", text: `mail ${i}` }),
    );
    await Promise.all(sends);
    let held = 0;
    while (held < MAX_CLAIMS) held += (await ok(free, "check_messages", { limit: 70 }, peer)).messages.length;
    expect(held).toBe(MAX_CLAIMS);
    for (const [operation, input] of [
      ["check_messages", {}],
      ["claim_messages", { limit: 5, budget: 7000 }],
    ] as const)
      expect(await refused(free, operation, input, peer)).toMatchObject({
        code: "rate_limited",
        message: expect.stringContaining("claims"),
        hint: expect.stringContaining("ack_messages"),
      });
  });

  test("can be in a limited number of pools, also by reviving them; a person has no limit", async () => {
    const make = (i: number, as?: TestPeer) => ok(broker, "create_pool", { name: `p${i}`, purpose: "one of many" }, as);
    for (let i = 0; i < MAX_POOLS; i++) await make(i, ann);
    const one = { name: "one-more", purpose: "too many" };
    expect(await refused(broker, "create_pool", one, ann)).toMatchObject({ code: "rate_limited" });
    await ok(broker, "create_pool", one);
    await ok(broker, "archive_pool", { pool: "p0" }, ann);
    await make(MAX_POOLS, ann);
    expect(await refused(broker, "join_pool", { pool: "p0" }, ann)).toMatchObject({ code: "rate_limited" });
  });

  test("can have a limited number of services", async () => {
    const service = (port: number) => ({ kind: "api", url: `http://localhost:${port}`, host: "elsewhere" });
    for (let i = 0; i < MAX_SERVICES; i++) await ok(broker, "register_service", service(2000 + i), ann);
    expect(await refused(broker, "register_service", service(9000), ann)).toMatchObject({ code: "rate_limited" });
    await ok(broker, "register_service", service(2000), ann);
    await ok(broker, "register_service", service(9000));
  });

  test("can have a limited number of open proposals, per pool and in total", async () => {
    const lead = await newPeer(broker, "lead");
    const crowd: TestPeer[] = [];
    for (let i = 0; i <= MAX_PROPOSALS; i++) crowd.push(await newPeer(broker, `crowd${i}`));
    for (const pool of ["crowd", "crowd-2"]) {
      await ok(broker, "create_pool", { name: pool, purpose: "votes" }, lead);
      for (const peer of crowd) await ok(broker, "join_pool", { pool }, peer);
    }
    const propose = (i: number, pool: string) => ({ pool, peer: crowd[i]?.name ?? "", reason: "done" });
    for (let i = 0; i < MAX_PROPOSALS; i++) await ok(broker, "propose_release", propose(i, "crowd"), lead);
    expect(await refused(broker, "propose_release", propose(20, "crowd"), crowd[0])).toMatchObject({
      code: "rate_limited",
    });
    expect(await refused(broker, "propose_release", propose(20, "crowd-2"), lead)).toMatchObject({
      code: "rate_limited",
    });
    await ok(broker, "propose_release", propose(20, "crowd-2"), crowd[0]);
  });
});
