/** Presence without the model: dialogs, long commands, Escape, hooks that do not run. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { startHost } from "../support/host.ts";
import { until } from "../support/wait.ts";

/** `clock`: the session's own. */
async function start(env: Record<string, string> = {}) {
  const broker = await startBroker({ env });
  const clock = testClock();
  const began = performance.now();
  const ann = await startHost(broker.home, "ann", { env: clock.env });
  await ann.ready();
  return { broker, ann, clock, began };
}

const becomes = (broker: TestBroker, presence: string): Promise<unknown> =>
  until(`she is ${presence}`, async () => {
    const { peers } = await ok(broker, "list_peers", {});
    return peers.find((peer) => peer.name === "ann")?.presence === presence;
  });

test("a session with an open permission dialog is blocked until a hook reports that it continues", async () => {
  const { broker, ann } = await start();
  await ann.hook("UserPromptSubmit");
  await becomes(broker, "active");
  await ann.hook("PermissionRequest", { tool_name: "Write", tool_input: {} });
  await becomes(broker, "blocked");
  await ann.hook("PostToolBatch");
  await becomes(broker, "active");
});

test("where no hook runs (Escape, a permission granted), the host's newer status counts, an older one does not", async () => {
  const { broker, ann, clock } = await start();
  const folder = join(dirname(broker.home), ".claude", "sessions");
  mkdirSync(folder, { recursive: true });
  const hostSays = (status: string, statusUpdatedAt: number): void =>
    writeFileSync(join(folder, `${ann.pid}.json`), JSON.stringify({ status, statusUpdatedAt }));
  hostSays("idle", clock.now() - 10_000);
  await ann.hook("UserPromptSubmit");
  await becomes(broker, "active");
  await clock.pass(4_000);
  await becomes(broker, "active");
  hostSays("waiting", clock.now());
  await becomes(broker, "blocked");
  hostSays("busy", clock.now());
  await becomes(broker, "active");
  hostSays("idle", clock.now());
  await becomes(broker, "idle");
  // A session that the hooks call idle is idle.
  hostSays("busy", clock.now());
  await clock.pass(4_000);
  await becomes(broker, "idle");
});

test("mail of a hook that was killed right after it showed it counts as read once the model continued", async () => {
  const { broker, ann } = await start();
  await ann.hook("UserPromptSubmit");
  await ann.hook("PostToolBatch");
  const { message_id } = await ok(broker, "send_message", { to: "ann", text: "hello" });
  await ann.mail();
  renameSync(join(ann.spool, "mail"), join(ann.spool, "done.PreToolUse-1-1"));
  const mark = join(ann.spool, "due");
  await until("the session server leaves a mark for the next hook", () => existsSync(mark));
  await ann.hook("PostToolBatch");
  await ann.hook("PreToolUse");
  const isRead = async () => (await ok(broker, "message_status", { message_id })).recipients[0]?.state === "read";
  await until("it is read", isRead);
  await ann.hook("PostToolBatch");
  expect(existsSync(mark)).toBe(false);
});

test("a long command is reported, and its end", async () => {
  const { broker, ann, clock } = await start();
  await ann.hook("UserPromptSubmit");
  writeFileSync(join(ann.spool, "tool"), "running\n");
  await becomes(broker, "active");
  // It looks every second.
  await clock.pass(2_000);
  await clock.pass(21_000);
  await becomes(broker, "busy");
  await ann.hook("PostToolBatch");
  await becomes(broker, "active");
});

test("senders learn that a session's hooks do not run", async () => {
  const { broker, clock, began } = await start();
  const note = async (): Promise<string> => {
    const { recipients } = await ok(broker, "send_message", { to: "ann", text: `${Math.random()}`, urgency: "low" });
    return recipients[0]?.note ?? "";
  };
  const first = await note();
  // After eight seconds without a hook she says so herself: on a slow machine they may be over already.
  if (performance.now() - began < 8_000) expect(first).not.toContain("no live hook");
  await clock.pass(21_000);
  await clock.passUntil("her hooks are called quiet", async () => (await note()).includes("no live hook"));
});

test("each delivery method is counted, and the wake budget is kept", async () => {
  const { broker, ann } = await start({ CCT_WAKES_PER_HOUR: "1" });
  await ann.hook("SessionStart", { source: "startup" });
  await ok(broker, "send_message", { to: "ann", text: "the first" });
  await ann.mail();
  expect((await ann.given("FileChanged")).status).toBe(2);
  const spent = async () => (await ok(broker, "cost", {})).peers.find(({ name }) => name === "ann");
  await until("the wake is counted", async () => (await spent())?.wakes === 1);

  await ok(broker, "send_message", { to: "ann", text: "the second" });
  expect((await ann.mail()).split("\n")[0]).toContain(" nowake ");
  expect((await ann.hook("FileChanged")).status).toBe(0);
  await ok(broker, "send_message", { to: "ann", text: "the third", urgency: "interrupt" });
  await until("what interrupts may wake", async () => !/ nowake /.test(await ann.mail()));
  const woken = await ann.given("FileChanged");
  expect(woken.status).toBe(2);
  expect(woken.stderr).toMatch(/the second[\s\S]*the third/);

  await ok(broker, "send_message", { to: "ann", text: "the fourth" });
  await ann.mail();
  expect((await ann.given("UserPromptSubmit")).stdout).toContain("the fourth");
  await until("a prompt's is another", async () => {
    const now = await spent();
    return now?.wakes === 2 && now.injections === 1;
  });
});
