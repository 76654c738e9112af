/** What only the clock causes: mail that may wake again, and hooks that turn out not to run. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { readIfThere } from "../../src/platform/files.ts";
import { readSpoolHead } from "../../src/rules/spoolfile.ts";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { newPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";

const MINUTE_MS = 60_000;

const head = (host: TestHost) => readSpoolHead(readIfThere(join(host.spool, "mail")) ?? "");

test("mail beyond the wake budget may wake the session when the hour is over", async () => {
  const clock = testClock();
  const broker = await startBroker({ clock, env: { CCT_WAKES_PER_HOUR: "1" } });
  const ann = await startHost(broker.home, "ann", { env: clock.env });
  await ann.ready();
  await ann.hook("SessionStart", { source: "startup" });
  await ok(broker, "send_message", { to: "ann", text: "the first" });
  await ann.mail();
  expect((await ann.given("FileChanged")).status).toBe(2);
  await ann.hook("Stop");
  await until("the broker knows of the wake", async () => (await ok(broker, "cost", {})).peers[0]?.wakes === 1);

  await ok(broker, "send_message", { to: "ann", text: "the second" });
  await until("it lies there, not to wake", () => head(ann)?.nowake === true);
  expect((await ann.hook("FileChanged")).status).toBe(0);
  clock.forward(61 * MINUTE_MS);
  await until("it may wake", () => head(ann)?.nowake === false);
  const woken = await ann.given("FileChanged");
  expect([woken.status, woken.stderr]).toEqual([2, expect.stringContaining("the second")]);
});

test("an invitation wakes a session a moment later, when nothing was said in the pool meanwhile", async () => {
  const clock = testClock();
  const broker = await startBroker({ clock });
  const ann = await startHost(broker.home, "ann", { env: clock.env });
  await ann.ready();
  await ann.hook("SessionStart", { source: "startup" });
  const ben = await newPeer(broker, "ben");
  await ok(broker, "create_pool", { name: "crew", purpose: "the port" }, ben);
  await ok(broker, "invite_to_pool", { pool: "crew", peer: "ann" }, ben);
  await clock.passUntil("it may wake", () => head(ann)?.nowake === false);
  const woken = await ann.given("FileChanged");
  expect([woken.status, woken.stderr]).toEqual([2, expect.stringContaining("added you to the pool @crew")]);
});

test("senders learn that no hook is live when mail was not taken for a minute, until a hook takes it", async () => {
  const clock = testClock();
  const broker = await startBroker({ clock });
  const ann = await startHost(broker.home, "ann", { env: clock.env });
  await ann.ready();
  await ann.hook("SessionStart", { source: "startup" });
  const note = async (): Promise<string | undefined> =>
    (await ok(broker, "send_message", { to: "ann", text: `and ${Math.random()}` })).recipients[0]?.note;
  // On a slow machine the broker has heard before that no hook ran.
  await until("her hooks are live", async () => !(await note())?.includes("no live hook"));
  await ann.mail();
  await clock.pass(MINUTE_MS + 5_000);
  await until("its senders are told", async () => (await note())?.includes("no live hook"));
  expect((await ann.given("FileChanged")).status).toBe(2);
  await until("its senders are told again", async () => !(await note())?.includes("no live hook"));
});
