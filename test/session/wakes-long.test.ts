/** Whether mail can wake a session, as its senders are told within seconds: killed servers, old hosts, hooks that do not run. */
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { openEvents } from "../support/events.ts";
import { tempHome } from "../support/folders.ts";
import { startHost } from "../support/host.ts";
import { newPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { statusOf } from "../support/wall.ts";

const noteFor = async (broker: TestBroker, to: string): Promise<string> =>
  (await ok(broker, "send_message", { to, text: `hello at ${performance.now()}` })).recipients[0]?.note ?? "";

test("a session whose server was killed on another machine gets no mail; one whose stream only breaks does", async () => {
  const clock = testClock();
  const broker = await startBroker({ clock });
  const { token } = await ok(broker, "add_device", { name: "far" });
  const env = { CCT_BROKER: broker.url, CCT_TOKEN: token };
  const far = await startHost(tempHome(), "far", { env });
  await far.ready();
  await far.hook("SessionStart", { source: "startup" });
  await until("far is there", async () => (await noteFor(broker, "far")).includes("will be woken"));
  // Its host lives, and does not restart its server; the broker sees no process of another machine.
  process.kill(far.pid, "SIGSTOP");
  process.kill(far.serverPid(), "SIGKILL");
  const near = await newPeer(broker, "near");
  (await openEvents(broker, near)).close();
  await (await openEvents(broker, near)).count(1);
  // Before the time passes in which a silent session is taken for offline.
  await until("its stream has ended", async () => (await statusOf(broker)).streams === 1);
  await clock.passUntil("the broker notices", async () => (await noteFor(broker, "far")).includes("server is gone"));
  expect((await ok(broker, "list_peers", {})).peers.find(({ name }) => name === "far")).toMatchObject({
    presence: "idle",
    hooks: "unserved",
  });
  expect(await noteFor(broker, "near")).toContain("idle and will be woken");
  process.kill(far.pid, "SIGCONT");
  await until("the next session server", async () => !(await noteFor(broker, "far")).includes("is gone"));
});

test("a session of a host that has no hooks to wake it cannot be woken", async () => {
  const broker = await startBroker();
  const old = await startHost(broker.home, "old", { client: { name: "claude-code", version: "2.1.111" } });
  const fresh = await startHost(broker.home, "fresh", { client: { name: "claude-code", version: "2.1.112" } });
  for (const host of [old, fresh]) {
    await host.ready();
    await host.hook("SessionStart", { source: "startup" });
  }
  await until("old is known", async () => (await noteFor(broker, "old")).includes("idle and cannot be woken;"));
  await until("fresh, too", async () => (await noteFor(broker, "fresh")).includes("idle and will be woken"));
  const { peers } = await ok(broker, "list_peers", {});
  expect(peers.map(({ name, wakes }) => [name, wakes])).toEqual([
    ["old", false],
    ["fresh", undefined],
  ]);
});

test("a session without hooks says so within seconds, and so does one whose hooks leave its mail", async () => {
  const [broker, clock] = [await startBroker(), testClock()];
  const none = await startHost(broker.home, "none", { env: clock.env });
  const mute = await startHost(broker.home, "mute", { env: clock.env });
  await Promise.all([none.ready(), mute.ready()]);
  await mute.hook("SessionStart", { source: "startup" });
  const began = performance.now();
  await until("mute is idle", async () => (await noteFor(broker, "mute")).includes("will be woken"));
  await mute.mail();
  await clock.pass(9_000);
  await until("none is known", async () => (await noteFor(broker, "none")).includes("no live hook"));
  const early = await noteFor(broker, "mute");
  // Fifteen seconds after its first mail, of which nine have just passed: on a slow machine the others may be over, too.
  if (performance.now() - began < 6_000) expect(early).toContain("will be woken");
  await clock.pass(7_000);
  await until("mute is known", async () => (await noteFor(broker, "mute")).includes("no live hook"));
});
