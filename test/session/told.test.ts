/** What a sender is told of a session that mail cannot wake. */
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { startHost } from "../support/host.ts";
import { newPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";

type Where = Awaited<ReturnType<typeof startBroker>>;

const noteFor = async (broker: Where, to: string): Promise<string> =>
  (await ok(broker, "send_message", { to, text: `hello at ${performance.now()}` })).recipients[0]?.note ?? "";

test("a session in print mode is idle and cannot be woken", async () => {
  const clock = testClock();
  const broker = await startBroker({ clock });
  const ann = await startHost(broker.home, "ann", { env: clock.env });
  const ben = await startHost(broker.home, "ben", { env: { ...clock.env, CLAUDE_CODE_ENTRYPOINT: "sdk-cli" } });
  await Promise.all([ann.ready(), ben.ready()]);
  for (const host of [ann, ben]) {
    await host.hook("SessionStart", { source: "startup" });
    await host.hook("Stop");
  }
  await until("ben to be idle", async () => (await noteFor(broker, "ben")).includes("idle and cannot be woken"));
  await until("ann to be idle", async () => (await noteFor(broker, "ann")).includes("idle and will be woken"));
  // Mail stays where it is until the next tool call, which says nothing about the hooks. At ann it would.
  await until("ben has mail", async () => (await ben.mail()) !== "");
  await clock.pass(20_000);
  await until("ann takes no mail", async () => (await noteFor(broker, "ann")).includes("no live hook"));
  expect(await noteFor(broker, "ben")).toContain("idle and cannot be woken");
});

test("a session whose session server was killed gets no mail, and is listed so", async () => {
  const broker = await startBroker();
  const ann = await startHost(broker.home, "ann");
  await ann.ready();
  // The host lives, and does not restart its server.
  process.kill(ann.pid, "SIGSTOP");
  process.kill(ann.serverPid(), "SIGKILL");
  await until("the broker to notice", async () => (await noteFor(broker, "ann")).includes("session server is gone"));
  const { peers } = await ok(broker, "list_peers", {});
  expect(peers).toMatchObject([{ name: "ann", hooks: "unserved" }]);
  process.kill(ann.pid, "SIGCONT");
  await until("the next session server", async () => !(await noteFor(broker, "ann")).includes("is gone"));
});

test("a session that has missed two heartbeats may be gone", async () => {
  const clock = testClock();
  const broker = await startBroker({ clock });
  await newPeer(broker, "far");
  expect(await noteFor(broker, "far")).toContain("idle and will be woken");
  await clock.pass(30_000);
  expect(await noteFor(broker, "far")).toMatch(/^last heard [34]\d s ago, it may be gone/);
});
