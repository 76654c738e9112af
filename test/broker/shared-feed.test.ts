/** The feed of several brokers that share a database: what happens at one is told at the others, if somebody reads there. */
import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { type BrokerProcess, spawnBroker } from "../support/broker.ts";
import { openFeed } from "../support/feed.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";
import { ask, hasPostgres, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { until } from "../support/wait.ts";

describe.skipIf(!hasPostgres("the feed of several brokers"))("the feed of one of two brokers", () => {
  let server: TestPostgres;
  let url: string;
  let one: BrokerProcess;
  let other: BrokerProcess;
  let ann: TestPeer;
  let bob: TestPeer;
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.database();
    [one, other] = await Promise.all(
      [0, 1].map(() => spawnBroker({ env: { CCT_DATABASE_URL: url } })) as [
        Promise<BrokerProcess>,
        Promise<BrokerProcess>,
      ],
    );
    [ann, bob] = [await newPeer(one, "ann"), await newPeer(other, "bob")];
    // That a session falls silent is told, too.
    stayAlive(one, ann, bob);
    for (const broker of [one, other])
      await until("the brokers hear each other", async () => (await fetchReady(broker)) === true);
  });

  const fetchReady = async (broker: BrokerProcess): Promise<boolean> => {
    const answer = await fetch(`${broker.url}/status`, { headers: { authorization: `Bearer ${broker.token}` } });
    const status = (await answer.json()) as { hears_others?: boolean };
    return status.hears_others === true;
  };

  const say = (at: BrokerProcess, text: string) => ok(at, "send_message", { to: "bob", text }, ann);

  test("tells what was done at the other, each thing once", async () => {
    const feed = await openFeed(other);
    await feed.find("the beginning", (batch) => batch.look_again === true);
    const texts = Array.from({ length: 20 }, (_, i) => `at ${i % 2 ? "this" : "the other"} broker, ${i}`);
    for (const [i, text] of texts.entries()) await say(i % 2 ? other : one, text);
    const blocked_on = { tool: "Bash", what: "npm test" };
    await ok(one, "heartbeat", { host_pid: ann.place.host_pid, held: [], presence: "blocked", blocked_on }, ann);
    await feed.find(
      "the block",
      ({ peers, attention }) =>
        peers?.some((one) => one.blocked_on?.what === "npm test") === true && attention === true,
    );
    await ok(one, "create_pool", { name: "den", purpose: "x", private: true }, ann);
    await feed.find("the pool", ({ pools }) => pools?.some((one) => one.name === "den") === true);
    const { messages } = await ok(one, "claim_messages", { limit: 50, budget: 90_000 }, bob);
    const acks = messages.map((m) => ({ message_id: m.message_id, attempt: m.attempt, outcome: "read" as const }));
    await ok(one, "ack_messages", { acks }, bob);
    await feed.find("the receipts", ({ receipts }) => receipts?.some((receipt) => receipt.states.read === 1) === true);
    const told = feed.batches.flatMap((batch) => batch.messages ?? []).map(({ text }) => text);
    expect(told.toSorted()).toEqual(texts.toSorted());
    feed.close();
  });

  test("is complete again after the connection between them broke: its readers look again", async () => {
    const feed = await openFeed(other);
    await feed.find("the beginning", (batch) => batch.look_again === true);
    await say(one, "before");
    await feed.find("a message", ({ messages }) => messages?.some((one) => one.text === "before") === true);
    const looks = () => feed.batches.filter((batch) => batch.look_again).length;
    const before = looks();
    await ask(
      url,
      `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()
         AND pid <> pg_backend_pid() AND (query LIKE '%pg_notify%' OR query LIKE 'LISTEN%' OR query LIKE '%clock_timestamp%')`,
    );
    await until("another look", () => looks() > before);
    let tries = 0;
    await until("a message of the other broker is told again", async () => {
      await say(one, `after ${tries++}`);
      return feed.batches.some((batch) => batch.messages?.some(({ text }) => text.startsWith("after")));
    });
    feed.close();
  });
});
