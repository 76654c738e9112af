/** Notifications of several brokers that share a database: each need is told by one of them. */
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { spawnBroker } from "../support/broker.ts";
import { newPeer } from "../support/peers.ts";
import { hasPostgres, startPostgres } from "../support/postgres.ts";
import { startReceiver } from "../support/receiver.ts";
import { swept } from "../support/sweep.ts";
import { until } from "../support/wait.ts";

describe.skipIf(!hasPostgres("notifications of several brokers"))("two brokers on one PostgreSQL", () => {
  test("tell a need once, and go on when one of them is killed", async () => {
    const hook = await startReceiver();
    const server = await startPostgres();
    const env = {
      CCT_DATABASE_URL: await server.database(),
      CCT_NOTIFY_WEBHOOK: hook.url,
      CCT_NOTIFY_AFTER_SECONDS: "0",
    };
    const [one, other] = await Promise.all([spawnBroker({ env }), spawnBroker({ env })]);
    const ann = await newPeer(one, "ann");
    await ok(one, "send_message", { to: "operator", text: "Which port?" }, ann);
    await until("it is told", () => hook.received.length > 0);
    // Else the other one would tell it again: it cannot know that it has arrived.
    await until("that is noted", async () => (await ok(other, "notify_status", {})).channels[0]?.state === "idle");
    for (const broker of [one, other]) await swept(broker);
    await one.stop("SIGKILL");
    const { tests } = await ok(other, "notify_test", {});
    const result = async () =>
      (await ok(other, "notify_status", {})).tests.find(({ state }) => state === "idle")?.notification_id;
    await until("the test has arrived", async () => (await result()) === tests[0]?.notification_id);
    await swept(other);
    expect(hook.received.map(({ body }) => JSON.parse(body).kind)).toEqual(["question", "test"]);
  });
});
