/** Changing the conversation in a running session: `/clear`, `/compact` and `/resume`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AGAIN } from "../../src/rules/texts/frames.ts";
import { startBroker } from "../support/broker.ts";
import { filesIn } from "../support/host.ts";
import { until } from "../support/wait.ts";
import {
  away,
  end,
  nameOf,
  peersOf,
  pidmap,
  recordFiles,
  records,
  resume,
  send,
  start,
  stateOf,
} from "./conversations.ts";

test.each(["clear", "compact"])(
  "/%s keeps the peer and the mail, and the new conversation is known at once",
  async (source) => {
    const broker = await startBroker();
    const ann = await start(broker.home, "ann", "c-1");
    const before = pidmap(broker.home, ann);
    await send(broker, "ann", "wait for me");
    await ann.mail();
    /** Milliseconds until the session server knows what a hook has told. */
    const told = async (session_id: string): Promise<number> => {
      await ann.hook("SessionStart", { session_id, source });
      const began = performance.now();
      await until("the record knows it", () => records(broker.home).get("ann")?.session_id === session_id);
      return performance.now() - began;
    };
    // Not only with a heartbeat: from one to the next it takes ten seconds. A machine that is busy may be slow, but not each time.
    await told("c-3");
    const times: number[] = [];
    for (const session_id of ["c-4", "c-5", "c-2"]) times.push(await told(session_id));
    expect(Math.min(...times)).toBeLessThan(5_000);
    expect(pidmap(broker.home, ann)).toBe(before);
    expect(await peersOf(broker)).toEqual([{ name: "ann", presence: "idle" }]);
    expect((await ann.given("UserPromptSubmit", { session_id: "c-2" })).stdout).toContain("wait for me");

    // The former conversation brings the same peer back, unless another peer has it.
    await end(broker, ann);
    const again = await start(broker.home, "other", "c-1");
    expect(pidmap(broker.home, again)).toBe(before);
  },
);

test("/resume turns the session into the offline peer of the conversation, with its mail", async () => {
  const broker = await startBroker();
  await away(broker, "old", "c-old");
  await send(broker, "old", "for the old one");
  const host = await start(broker.home, "new", "c-new");
  await resume(host, "c-new", "c-old");
  expect(await host.mail()).toContain("for the old one");
  expect(nameOf(broker.home, host)).toBe("old");
  expect(await peersOf(broker)).toEqual([
    { name: "new", presence: "offline" },
    { name: "old", presence: "idle" },
  ]);
  const { structured } = await host.tool("cct_list_peers");
  expect((structured.peers as { name: string; you: boolean }[]).find((peer) => peer.you)?.name).toBe("old");

  // Its mailbox remains for the next session in that conversation.
  await send(broker, "new", "for the new one");
  expect((await host.given("UserPromptSubmit")).stdout).toContain("for the old one");
  await resume(host, "c-old", "c-new");
  await until("its mail is there", async () => (await host.mail()).includes("for the new one"));
  expect(nameOf(broker.home, host)).toBe("new");
  expect(recordFiles(broker.home)).toHaveLength(2);
});

test("/resume leaves no mail of the former peer to the other conversation, and acknowledges it correctly", async () => {
  const broker = await startBroker();
  await away(broker, "old", "c-old");
  const host = await start(broker.home, "new", "c-new");
  await send(broker, "new", "shown, not answered");
  await host.mail();
  expect((await host.given("PreToolUse", { tool_name: "Bash" })).stdout).toContain("shown, not answered");
  await until("it is delivered", async () => (await stateOf(broker, "shown, not answered"))?.state === "delivered");
  await send(broker, "new", "not shown");
  await host.mail();
  await resume(host, "c-new", "c-old");
  await until("it is the old one", () => nameOf(broker.home, host) === "old");

  expect((await host.hook("UserPromptSubmit")).stdout).toBe("");
  expect(filesIn(host.spool).filter((name) => /mail|taken|done|seen|read/.test(name))).toEqual([]);
  expect(await stateOf(broker, "not shown")).toEqual({ state: "queued", redelivered: false });
  expect(await stateOf(broker, "shown, not answered")).toEqual({ state: "delivered", redelivered: false });

  // Back in the first conversation, both messages come; the one that was shown is marked.
  await resume(host, "c-old", "c-new");
  await until("both lie there", async () => {
    const mail = await host.mail();
    return mail.includes("| not shown") && mail.includes("| shown, not answered");
  });
  expect(await stateOf(broker, "not shown")).toMatchObject({ redelivered: false });
  expect(await stateOf(broker, "shown, not answered")).toMatchObject({ redelivered: true });
});

test("/resume while the broker is stopped shows no other peer's mail, starts no broker, and is registered later", async () => {
  const broker = await startBroker();
  await away(broker, "old", "c-old");
  const host = await start(broker.home, "new", "c-new");
  await send(broker, "new", "for the new one");
  await send(broker, "old", "for the old one");
  await host.mail();
  await broker.stop();
  await resume(host, "c-new", "c-old");
  await until("the mail is gone", () => !existsSync(join(host.spool, "mail")));
  expect((await host.hook("UserPromptSubmit")).stdout).toBe("");
  const refused = await host.tool("cct_list_peers");
  expect(refused.text).toMatch(/No broker runs.*cct start/);
  expect(existsSync(join(broker.home, "broker.json"))).toBe(false);
  const again = await startBroker({ home: broker.home });
  expect(await host.mail()).toContain("for the old one");
  await until("it is the old one", async () => (await peersOf(again))[1]?.presence === "active");
  expect(await peersOf(again)).toEqual([
    { name: "new", presence: "offline" },
    { name: "old", presence: "active" },
  ]);
  await resume(host, "c-old", "c-new");
  await until("the other's mail comes", async () => (await host.mail()).includes("for the new one"));
});

test("/resume back and forth in quick succession loses no mail and confuses no peers", async () => {
  const broker = await startBroker();
  await away(broker, "old", "c-old");
  const host = await start(broker.home, "new", "c-new");
  const shown: string[] = [];
  const look = async (event: string): Promise<void> => void shown.push((await host.hook(event)).stdout);
  const texts: string[] = [];
  let at = "c-new";
  // The tenth visit that shows a message and leaves before it is read would make it a dead letter.
  for (let i = 0; i < 16; i++) {
    const to = at === "c-new" ? "c-old" : "c-new";
    texts.push(`message ${i}.`);
    const sent = send(broker, i % 3 ? "new" : "old", `message ${i}.`);
    await resume(host, at, to);
    at = to;
    await new Promise((resolve) => setTimeout(resolve, (i * 37) % 120));
    await Promise.all([sent, look(i % 2 ? "UserPromptSubmit" : "PreToolUse")]);
  }
  const open = async (): Promise<string[]> =>
    (
      await Promise.all(texts.map(async (text) => ((await stateOf(broker, text))?.state === "read" ? "" : text)))
    ).filter(Boolean);
  for (const [from, to, name] of [
    ["c-new", "c-old", "old"],
    ["c-old", "c-new", "new"],
  ] as const) {
    await resume(host, from, to);
    await until(`it is ${name}`, () => nameOf(broker.home, host) === name);
    const mine = texts.filter((_, i) => (i % 3 ? "new" : "old") === name);
    await until(`all mail of ${name} is read`, async () => {
      for (const event of ["UserPromptSubmit", "PostToolBatch", "Stop"]) await look(event);
      return !(await open()).some((text) => mine.includes(text));
    });
  }
  expect(recordFiles(broker.home)).toHaveLength(2);
  for (const text of texts) {
    // The line above a message's text is its header.
    const heads = shown
      .filter((one) => one.includes(`| ${text}`))
      .map((one) =>
        one
          .slice(0, one.indexOf(`| ${text}`))
          .split("\\n")
          .at(-2),
      );
    expect(heads.length, text).toBeGreaterThan(0);
    for (const again of heads.slice(1)) expect(again, text).toContain(AGAIN);
  }
});

test("/resume of an unknown conversation, or of a live session's, keeps the peer", async () => {
  const broker = await startBroker();
  const ann = await start(broker.home, "ann", "c-ann");
  const ben = await start(broker.home, "ben", "c-ben");
  await resume(ben, "c-ben", "c-unknown");
  await until("the record knows it", () => records(broker.home).get("ben")?.session_id === "c-unknown");
  await resume(ben, "c-unknown", "c-ann");
  const live = [
    { name: "ann", presence: "idle" },
    { name: "ben", presence: "idle" },
  ];
  // Later heartbeats and other conversations change nothing.
  await ben.hook("UserPromptSubmit");
  await until("ben has beaten", async () => (await peersOf(broker))[1]?.presence === "active");
  await ben.hook("Stop");
  await until("and again", async () => (await peersOf(broker))[1]?.presence === "idle");
  expect(await peersOf(broker)).toEqual(live);
  expect([nameOf(broker.home, ann), nameOf(broker.home, ben)]).toEqual(["ann", "ben"]);

  // The conversation stays ann's after both have ended.
  await Promise.all([end(broker, ann), end(broker, ben)]);
  expect(nameOf(broker.home, await start(broker.home, "x", "c-ann"))).toBe("ann");
  expect(nameOf(broker.home, await start(broker.home, "x", "c-ben"))).toBe("ben");
});
