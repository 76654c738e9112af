/** Sleep, clock jumps and killed hosts: nothing is lost, and duplicates are marked. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive } from "../../src/platform/process.ts";
import { shortMessageId } from "../../src/rules/address.ts";
import { LEASE_MS } from "../../src/rules/presence.ts";
import { AGAIN } from "../../src/rules/texts/frames.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { until } from "../support/wait.ts";

const HOUR_MS = 3_600_000;

const send = (broker: TestBroker, to: string, text: string) => ok(broker, "send_message", { to, text });
const stateOf = async (broker: TestBroker, id: string) =>
  (await ok(broker, "message_status", { message_id: id })).recipients[0];

/** A whole turn with one tool call. Returns the output of its hooks; all mail in it counts as read after that. */
async function turn(host: TestHost): Promise<string> {
  const prompt = await host.hook("UserPromptSubmit", { prompt: "go on" });
  const tool = await host.hook("PreToolUse", { tool_name: "Bash", tool_input: {} });
  const batch = await host.hook("PostToolBatch", {});
  const end = await host.hook("Stop", {});
  return [prompt, tool, batch, end].map((run) => run.stdout).join("");
}

/** Runs turns until the message is read. Returns every text that contained it. */
async function readBy(broker: TestBroker, host: TestHost, id: string): Promise<string[]> {
  const shown: string[] = [];
  await until(`message ${id} is read`, async () => {
    shown.push(await turn(host));
    return (await stateOf(broker, id))?.state === "read";
  });
  return shown.filter((text) => text.includes(`id ${shortMessageId(id)}`));
}

test("after a session server slept longer than a lease, its mail comes, and duplicates are marked", async () => {
  // A sleep: the process stops, and the clock continues for everybody.
  const clock = testClock();
  const broker = await startBroker({ clock });
  const ann = await startHost(broker.home, "ann", { env: clock.env });
  await ann.ready();
  await ann.hook("UserPromptSubmit", {});
  const seen = await send(broker, "ann", "shown while it slept");
  await ann.mail();
  process.kill(ann.serverPid(), "SIGSTOP");
  const before = (await ann.hook("PreToolUse", { tool_name: "Bash", tool_input: {} })).stdout;
  expect(before).toContain("shown while it slept");
  const late = await send(broker, "ann", "sent while it slept");
  clock.forward(LEASE_MS + 4_000);
  await until("its lease has lapsed", async () => (await stateOf(broker, seen.message_id))?.state === "queued");
  expect(await stateOf(broker, seen.message_id)).toMatchObject({ state: "queued", redelivered: true });
  process.kill(ann.serverPid(), "SIGCONT");

  const [again] = await readBy(broker, ann, seen.message_id);
  if (again !== undefined) expect(again).toContain(AGAIN);
  const shown = await readBy(broker, ann, late.message_id);
  for (const more of shown.slice(1)) expect(more).toContain(AGAIN);
});

test("a broker whose clock jumps ahead an hour, and that restarts an hour back, loses nothing and blocks nothing", async () => {
  const clock = testClock();
  const broker = await startBroker({ clock });
  const ann = await startHost(broker.home, "ann");
  await ann.ready();
  await ann.hook("UserPromptSubmit", {});
  const first = await send(broker, "ann", "before the jump");
  await ann.mail();
  clock.forward(HOUR_MS);
  // All leases and timeouts are over now. The session's heartbeat reports that it lives, and its claims.
  await until("the session is there again", async () => {
    const { peers } = await ok(broker, "list_peers", {});
    return peers.some((peer) => peer.name === "ann" && peer.presence !== "offline");
  });
  const second = await send(broker, "ann", "after the jump");
  for (const { message_id } of [first, second]) {
    const shown = await readBy(broker, ann, message_id);
    for (const again of shown.slice(1)) expect(again).toContain(AGAIN);
  }

  const third = await send(broker, "ann", "before the step back");
  await ann.mail();
  await broker.stop();
  clock.forward(-2 * HOUR_MS);
  const back = await startBroker({ home: broker.home, clock });
  const fourth = await send(back, "ann", "after the step back");
  for (const { message_id } of [third, fourth]) {
    const shown = await readBy(back, ann, message_id);
    for (const again of shown.slice(1)) expect(again).toContain(AGAIN);
  }
});

test("when a host is killed, its session server and waiter end, and the resumed session gets the mail", async () => {
  const broker = await startBroker();
  const env = { CLAUDE_CODE_SESSION_ID: "conversation-1" };
  const ann = await startHost(broker.home, "ann", { env });
  await ann.ready();
  await ann.hook("SessionStart", { session_id: "conversation-1", source: "startup" });
  // The session works, so that the waiter leaves the mail to it.
  await ann.hook("UserPromptSubmit", {});
  const waiter = ann.hook("Waiter", {});
  await until("a waiter waits", () => readdirSync(ann.spool).some((name) => name.startsWith("poke.")));
  const server = ann.serverPid();
  const { message_id } = await send(broker, "ann", "for whoever comes back");
  await ann.mail();
  ann.kill("SIGKILL");
  await until("both have ended", () => !isAlive(server) && !isAlive(ann.pid));
  expect((await waiter).stderr).toBe("");

  const again = await startHost(broker.home, "somebody", { env });
  await again.ready();
  expect(readFileSync(join(broker.home, "pidmaps", String(again.pid)), "utf8")).toMatch(/ ann\n$/);
  await again.hook("SessionStart", { session_id: "conversation-1", source: "resume" });
  expect(await readBy(broker, again, message_id)).toHaveLength(1);
  expect(existsSync(ann.spool)).toBe(false);
});
