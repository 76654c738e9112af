/** Claims that stay open: their answers come over the event stream of the session, and streams break. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createFanout, MAX_CLAIMING, type StreamClaims } from "../../src/broker/streams/fanout.ts";
import { LEASE_MS } from "../../src/rules/presence.ts";
import { ok } from "../support/api.ts";
import { spawnBroker, startBroker, type TestBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { testClock } from "../support/clock.ts";
import { onPostgres } from "../support/database.ts";
import { type Events, openEvents } from "../support/events.ts";
import { newPeer, place, type TestPeer } from "../support/peers.ts";
import { head, raw } from "../support/raw.ts";
import { until } from "../support/wait.ts";

const BUDGET = 8_000;
/** Brokers on PostgreSQL follow its clock, which no test sets. */
const onFile = test.skipIf(onPostgres);
const clock = testClock();
let broker: TestBroker;
let ann: TestPeer;
beforeAll(async () => {
  broker = await startBroker({ clock });
});
beforeEach(async () => {
  ann = await newPeer(broker, "ann");
});

interface Listening {
  events: Events;
  id: string;
}

async function listen(at = broker): Promise<Listening> {
  const events = await openEvents(at, ann);
  await events.count(1);
  return { events, id: String(events.data()[0]?.stream) };
}

const claim = ({ id }: Listening, received: number, open: boolean, at = broker) =>
  ok(at, "claim_messages", { limit: 100, budget: BUDGET, streams: [{ id, received, open }] }, ann);

/** A stream, and a claim that stays open. */
async function waiting(at = broker): Promise<Listening> {
  const stream = await listen(at);
  expect((await claim(stream, 0, true, at)).messages).toEqual([]);
  return stream;
}

async function send(text: string, more: { urgency?: "interrupt" } = {}, at = broker): Promise<string> {
  return (await ok(at, "send_message", { to: ann.peer_id, text, ...more })).message_id;
}

const isHint = (event: Record<string, unknown>): boolean => Object.keys(event).length === 0;

/** The answer to the claim that was left open as the `nth`. A broker on PostgreSQL looks for whom mail waits, and hints again. */
const answer = ({ events }: Listening, nth = 1): Promise<Record<string, unknown>> =>
  until(`answer ${nth}`, () => events.data().filter((event) => !isHint(event))[nth]);

/** Waits for a hint after the first so many events. */
const hinted = ({ events }: Listening, before = 1): Promise<boolean> =>
  until("a hint", () => events.data().slice(before).some(isHint));

const stateOf = async (message_id: string, at = broker) =>
  (await ok(at, "message_status", { message_id })).recipients[0];

describe("a claim that finds nothing", () => {
  test("stays open: the next mail comes over the stream, and is claimed", async () => {
    const stream = await waiting();
    const id = await send("hello");
    const messages = [{ message_id: id, text: "hello", attempt: 1, redelivered: false }];
    expect(await answer(stream)).toMatchObject({ stream: stream.id, number: 1, messages, remaining: 0 });
    expect(await stateOf(id)).toMatchObject({ state: "claimed", attempts: 1 });
    // One claim, one answer.
    await send("the next");
    await hinted(stream);
    expect((await claim(stream, 1, true)).messages).toMatchObject([{ text: "the next" }]);
  });

  test("does not stay open without a stream, or while mail waits that does not fit", async () => {
    const stream = await listen();
    const id = await send("x".repeat(6_000));
    await claim(stream, 0, true);
    await send("y".repeat(6_000));
    const small = await ok(
      broker,
      "claim_messages",
      { limit: 1, budget: 100, streams: [{ id: stream.id, received: 0, open: true }] },
      ann,
    );
    expect(small).toMatchObject({ messages: [], remaining: 1 });
    await send("z");
    await stream.events.count(4);
    expect(stream.events.data().slice(1).every(isHint)).toBe(true);
    expect(await stateOf(id)).toMatchObject({ attempts: 1 });
  });

  test("lets through to a busy peer what a request would", async () => {
    const stream = await waiting();
    await ok(broker, "set_busy", { reason: "tests", estimate_seconds: 60 }, ann);
    expect(await answer(stream)).toMatchObject({ messages: [], quiet: true });
    await claim(stream, 0, true);
    const waits = await send("not now");
    expect(await answer(stream, 2)).toMatchObject({ messages: [], quiet: true });
    expect(await stateOf(waits)).toMatchObject({ state: "queued", attempts: 0 });
    await claim(stream, 0, true);
    await send("now", { urgency: "interrupt" });
    expect(await answer(stream, 3)).toMatchObject({ messages: [{ text: "now" }] });
  });

  test("gets a hint when the peer registered again, or opened another stream", async () => {
    const first = await waiting();
    const second = await waiting();
    await claim(first, 0, true);
    await send("to the second");
    expect(await answer(second)).toMatchObject({ messages: [{ text: "to the second" }] });
    await hinted(first);
    expect(first.events.data().slice(1).every(isHint)).toBe(true);

    await claim(second, 1, true);
    await ok(broker, "register", { ...place({ host_pid: ann.place.host_pid }), held: [] }, ann);
    const before = second.events.data().length;
    await send("to nobody yet");
    await hinted(second, before);
    expect(second.events.data().slice(before).every(isHint)).toBe(true);
  });

  onFile("gets a hint when the peer was not heard for long", async () => {
    const stream = await waiting();
    clock.forward(3_600_000);
    await send("after an hour");
    await hinted(stream);
    expect(stream.events.data().slice(1).every(isHint)).toBe(true);
  });
});

describe("mail that a broken stream took with it", () => {
  test("is queued again, unmarked, as soon as the session says so; what came is not", async () => {
    const stream = await waiting();
    const id = await send("one");
    await answer(stream);
    stream.events.close();
    expect((await claim(stream, 1, false)).messages).toEqual([]);
    expect(await stateOf(id)).toMatchObject({ state: "claimed" });

    const next = await waiting();
    const lost = await send("two");
    await answer(next);
    next.events.close();
    const { messages } = await claim(next, 0, false);
    expect(messages).toMatchObject([{ message_id: lost, attempt: 2, redelivered: false }]);
    // It is said once.
    expect((await claim(next, 0, false)).messages).toEqual([]);
    expect(await stateOf(lost)).toMatchObject({ state: "claimed", attempts: 2 });
  });

  onFile("comes unmarked also when its lease has lapsed meanwhile", async () => {
    const stream = await waiting();
    const id = await send("one");
    await answer(stream);
    clock.forward(LEASE_MS + 1_000);
    await until("its lease lapses", async () => (await stateOf(id))?.state === "queued");
    expect(await stateOf(id)).toMatchObject({ redelivered: true });
    expect((await claim(stream, 0, false)).messages).toMatchObject([{ message_id: id, redelivered: false }]);
  });

  test("comes unmarked when the session ends, or its broker was killed", async () => {
    const process = await spawnBroker();
    ann = await newPeer(process, "ann");
    const stream = await waiting(process);
    const id = await send("one", {}, process);
    await answer(stream);
    await process.stop("SIGKILL");
    const again = await spawnBroker({ home: process.home });
    expect(await stateOf(id, again)).toMatchObject({ state: "claimed" });
    const streams = [{ id: stream.id, received: 0, open: false }];
    await ok(again, "unregister", { host_pid: ann.place.host_pid, streams }, ann);
    expect(await stateOf(id, again)).toMatchObject({ state: "queued", redelivered: false });
  });

  test("is marked when a session server has died, which may have shown it", async () => {
    const stream = await waiting();
    const id = await send("one");
    await answer(stream);
    await ok(broker, "register", { ...place({ host_pid: ann.place.host_pid }), held: [] }, ann);
    expect(await stateOf(id)).toMatchObject({ state: "queued", redelivered: true });
    // The stream was that of the one that died.
    expect((await claim(stream, 0, false)).messages).toMatchObject([{ message_id: id, redelivered: true }]);
  });
});

/** Streams of which a test makes the claims. */
async function fanout(claims: (peer: string) => StreamClaims) {
  const events = createFanout(async () => []);
  const server = createServer((request, response) => {
    const peer = request.url ?? "";
    events.open(peer, undefined, response, claims(peer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    events.close();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { events, read: (peer: string) => raw({ url }, `${head(`GET ${peer}`, { host: "x" })}\r\n`) };
}

test("what was claimed for a stream that ended meanwhile is given back, because nothing of it was written", async () => {
  const takenBack: number[] = [];
  let claimed: ((answer: Awaited<ReturnType<StreamClaims["claim"]>>) => void) | undefined;
  const { events, read } = await fanout(() => ({
    id: "stream",
    claim: () =>
      new Promise((resolve) => {
        claimed = resolve;
      }),
    takeBack: async (written) => void takenBack.push(written),
  }));
  const reader = read("/ann");
  await until("it is open", () => events.count() === 1);
  events.publish({ peer_id: "/ann", about: "claim", stream: "stream", limit: 1, budget: 1 });
  events.publish({ peer_id: "/ann", about: "mail" });
  await until("it claims", () => claimed !== undefined);
  reader.socket.destroy();
  await until("it has ended", () => events.count() === 0);
  claimed?.({ number: 3, messages: [{}] });
  await until("it is given back", () => takenBack.length > 0);
  expect(takenBack).toEqual([2]);
});

test("for the members of a large pool the broker claims a few at a time, and all get theirs", async () => {
  const peers = Array.from({ length: MAX_CLAIMING + 20 }, (_, i) => `/peer-${i}`);
  const open: (() => void)[] = [];
  let most = 0;
  const { events, read } = await fanout((peer) => ({
    id: peer,
    claim: () =>
      new Promise((resolve) => {
        open.push(() => resolve({ number: 1, messages: [{ text: `for ${peer}.` }] }));
        most = Math.max(most, open.length);
      }),
    takeBack: async () => {},
  }));
  const readers = peers.map(read);
  await until("all are open", () => events.count() === peers.length);
  for (const peer of peers) {
    events.publish({ peer_id: peer, about: "claim", stream: peer, limit: 1, budget: 1 });
    events.publish({ peer_id: peer, about: "mail" });
  }
  await until("all have theirs", () => {
    open.shift()?.();
    return readers.every(({ said }, i) => said().includes(`for ${peers[i]}.`));
  });
  expect(most).toBe(MAX_CLAIMING);
  for (const { socket } of readers) socket.destroy();
});
