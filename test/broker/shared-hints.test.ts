/** Which hints brokers on one database send each other: a NOTIFY costs the database as much as a small transaction. */
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { type BrokerProcess, spawnBroker, type TestBroker } from "../support/broker.ts";
import { openEvents } from "../support/events.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { ask, hasPostgres, startPostgres } from "../support/postgres.ts";
import { startWire, type Wire } from "../support/postgres-wire.ts";
import { until } from "../support/wait.ts";

/** A test sends more than people do. */
const UNLIMITED = { CCT_SENDS_PER_MINUTE: "0", CCT_SENDS_PER_PAIR: "0", CCT_MAILBOX_MESSAGES: "0" };

describe.skipIf(!hasPostgres("hints between brokers"))("a broker on PostgreSQL", () => {
  async function start(): Promise<{ url: string; wire: Wire; broker: TestBroker; ann: TestPeer; ben: TestPeer }> {
    const server = await startPostgres();
    const url = await server.database();
    const wire = await startWire(url);
    const broker = await spawnBroker({ env: { CCT_DATABASE_URL: wire.url, ...UNLIMITED } });
    return { url, wire, broker, ann: await newPeer(broker, "ann"), ben: await newPeer(broker, "ben") };
  }

  /** Sends messages to ben and counts the hints about them. */
  async function hints(wire: Wire, broker: TestBroker, ann: TestPeer, ben: TestPeer): Promise<number> {
    wire.values.splice(0);
    for (let i = 0; i < 10; i++) await ok(broker, "send_message", { to: "ben", text: `${Math.random()}` }, ann);
    return wire.values.filter((values) => values.includes(`:m${ben.peer_id}`)).length;
  }

  const other = (url: string): Promise<BrokerProcess> => spawnBroker({ env: { CCT_DATABASE_URL: url } });

  test("sends none while it is alone, and all as soon as another one starts", async () => {
    // Until it has heard nobody for a while, which on a slow machine may be over before we look.
    const { url, wire, broker, ann, ben } = await until("hints of one that has just started", async () => {
      const started = await start();
      return (await hints(started.wire, started.broker, started.ann, started.ben)) > 0 && started;
    });
    await until("it sends no hints", async () => (await hints(wire, broker, ann, ben)) === 0);
    const second = await other(url);
    const stream = await openEvents(second, ben);
    await stream.count(1);
    await until("it sends hints again", async () => (await hints(wire, broker, ann, ben)) > 0);
    await stream.count(2);
  });

  test("sends mail that came through another one to a claim that is open at it", async () => {
    const { url, broker, ann, ben } = await start();
    const second = await other(url);
    const stream = await openEvents(second, ben);
    await stream.count(1);
    const streams = [{ id: String(stream.data()[0]?.stream), received: 0, open: true }];
    await ok(second, "claim_messages", { limit: 10, budget: 8_000, streams }, ben);
    const { message_id } = await ok(broker, "send_message", { to: "ben", text: "from the other side" }, ann);
    // A hint of a check for missed ones may come before it.
    const mail = await until("the mail", () => stream.data().find(({ messages }) => messages !== undefined));
    expect(mail).toMatchObject({ messages: [{ message_id, attempt: 1 }] });
    // The session gives the stream up at the other broker, and gets the mail there.
    const closed = streams.map((one) => ({ ...one, open: false }));
    const { messages } = await ok(broker, "claim_messages", { limit: 10, budget: 8_000, streams: closed }, ben);
    expect(messages).toMatchObject([{ message_id, attempt: 2, redelivered: false }]);
    await ok(second, "claim_messages", { limit: 10, budget: 8_000, streams }, ben);
    const before = stream.data().length;
    await ok(broker, "send_message", { to: "ben", text: "a hint is all" }, ann);
    await until("a hint", () => stream.data().length > before);
    expect(stream.data()[before]).toEqual({});
  });

  test("that was stopped for a while tells its streams of the mail meanwhile", async () => {
    const { url, wire, broker, ann, ben } = await start();
    const second = await other(url);
    const stream = await openEvents(second, ben);
    await until("its first check for missed hints", async () => {
      await ok(broker, "send_message", { to: "ben", text: `${Math.random()}` }, ann);
      return stream.seen().length > 1;
    });
    // Hints to ben wait in the stopped broker's socket; none to cat does.
    const cat = await newPeer(broker, "cat");
    const stopped = await openEvents(second, cat);
    await stopped.count(1);
    process.kill(second.pid, "SIGSTOP");
    await until("the first sends no hints", async () => (await hints(wire, broker, ann, ben)) === 0);
    const before = stopped.seen().length;
    const { message_id } = await ok(broker, "send_message", { to: "cat", text: "meanwhile" }, ann);
    // As if it had waited for longer than a regular check looks back.
    for (const table of ["messages", "deliveries"])
      await ask(url, `UPDATE ${table} SET seq = seq - 25000000 WHERE message_id = $1`, [message_id]);
    process.kill(second.pid, "SIGCONT");
    await until("the hint comes", () => stopped.seen().length > before);
  });
});
