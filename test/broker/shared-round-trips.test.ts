/** How often a broker asks PostgreSQL for one request. Each round trip costs both of them CPU time, and latency. */
import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { spawnBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { hasPostgres, startPostgres } from "../support/postgres.ts";
import { startWire, type Transaction, type Wire } from "../support/postgres-wire.ts";
import { until } from "../support/wait.ts";

describe.skipIf(!hasPostgres("round trips to PostgreSQL"))("of the round trips to PostgreSQL", () => {
  let wire: Wire;
  let broker: TestBroker;
  let ann: TestPeer;
  let ben: TestPeer;
  beforeAll(async () => {
    const server = await startPostgres();
    wire = await startWire(await server.database());
    broker = await spawnBroker({ env: { CCT_DATABASE_URL: wire.url } });
    [ann, ben] = [await newPeer(broker, "ann"), await newPeer(broker, "ben")];
  });

  /** The round trips of the transaction with a statement like this, of those that `request` makes. */
  async function tripsOf(pattern: RegExp, request: () => Promise<unknown>): Promise<Transaction> {
    // The first one prepares statements. What the broker does by itself may be like it: then that is done with, the next time.
    await request();
    return until("one transaction like it", async () => {
      wire.transactions.splice(0);
      await request();
      const [found, ...more] = wire.transactions.filter((one) => one.flat().some((text) => pattern.test(text)));
      return more.length === 0 && found;
    });
  }

  let sent = 0;
  const send = (): Promise<unknown> => ok(broker, "send_message", { to: "ben", text: `hello ${sent++}` }, ann);
  const claim = (): Promise<{ messages: { message_id: string; attempt: number }[] }> =>
    ok(broker, "claim_messages", { limit: 20, budget: 9000 }, ben);

  test("a send takes 4, and its last one stores it", async () => {
    const trips = await tripsOf(/^INSERT INTO messages/, send);
    expect(trips.length).toBeLessThanOrEqual(4);
    expect(trips.at(-1)?.map((text) => text.split(" ", 3).join(" "))).toEqual([
      "INSERT INTO messages",
      "INSERT INTO message_words",
      "INSERT INTO deliveries",
      "COMMIT",
    ]);
  });

  test("a send to a pool takes no more for more members", async () => {
    const [name, ...others] = await Promise.all(["of-one", "of-three", "of-two"].map((who) => newPeer(broker, who)));
    await ok(broker, "create_pool", { name: "team", purpose: "tests" }, ann);
    if (name) await ok(broker, "join_pool", { pool: "team" }, name);
    const toPool = () => ok(broker, "send_message", { to: "@team", text: `all ${sent++}` }, ann);
    const before = await tripsOf(/^INSERT INTO messages/, toPool);
    for (const peer of others) await ok(broker, "join_pool", { pool: "team" }, peer);
    const after = await tripsOf(/^INSERT INTO messages/, toPool);
    expect(after.length).toBe(before.length);
  });

  test("a claim takes 6", async () => {
    const trips = await tripsOf(/^UPDATE deliveries/, async () => {
      await send();
      return claim();
    });
    expect(trips.length).toBeLessThanOrEqual(6);
  });

  test("an acknowledgement takes 5", async () => {
    const trips = await tripsOf(/^UPDATE deliveries/, async () => {
      await send();
      const { messages } = await claim();
      const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "delivered" as const }));
      wire.transactions.splice(0);
      return ok(broker, "ack_messages", { acks, via: "tool", batch: "1" }, ben);
    });
    expect(trips.length).toBeLessThanOrEqual(5);
  });

  test("a heartbeat takes 5", async () => {
    const { host_pid } = ann.place;
    const trips = await tripsOf(/^UPDATE peers/, () => ok(broker, "heartbeat", { host_pid, held: [] }, ann));
    expect(trips.length).toBeLessThanOrEqual(5);
  });
});
