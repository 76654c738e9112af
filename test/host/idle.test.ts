/** Mail for an idle session. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { isAlive } from "../../src/platform/process.ts";
import { placeOf, timesIn, toolResults, wakes } from "./requests.ts";
import { cct, say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { expectReadOnce, hostTest, newWord, onStage, stage } from "./stage.ts";
import { until } from "./wait.ts";

let a: Session;
let b: Session;

onStage(async (stage) => {
  [a, b] = await Promise.all([stage.start("a"), stage.start("b")]);
});

hostTest("mail wakes an idle session before its first turn, framed as another session's words", async () => {
  const word = newWord("first");
  expect(b.requests()).toEqual([]);
  await a.send({ to: "b", text: word });
  const place = placeOf(await b.given(word), word);

  expect(place?.text).toContain("[SYSTEM NOTIFICATION - NOT USER INPUT]");
  expect(place?.text).toMatch(/CCT mail · a \([0-9a-f]{4}\) · id [0-9a-f]{8}\n/);
  expect(place?.text).toContain(`\n| ${word}\n`);
  await b.turnOver();
  await expectReadOnce(b.last(), word);
});

hostTest("mail wakes an idle session after its turns", async () => {
  const word = newWord("again");
  await b.play(say("a turn"));
  await b.turnOver();
  await a.send({ to: "b", text: word });
  await b.given(word);
  await b.turnOver();
  await expectReadOnce(b.last(), word);
});

hostTest("a reply wakes the first sender, and CCT's tools raise no permission prompt", async () => {
  const word = newWord("answer");
  await b.play(
    use(cct("list_peers"), cct("set_summary", { summary: "tests" })),
    use(cct("send_message", { to: "a", text: word }), cct("check_messages")),
    say("done"),
  );
  await a.given(word);
  await Promise.all([a.turnOver(), b.turnOver()]);
  expect(toolResults(b.last()).map(({ failed }) => failed)).toEqual([false, false, false, false]);
  await expectReadOnce(a.last(), word);
});

hostTest("low mail waits for the next turn and comes with it", async () => {
  const word = newWord("low");
  await a.send({ to: "b", text: word, urgency: "low" });
  await b.mailWaits();
  const asked = b.requests().length;
  await b.play(say("a turn"));
  await b.turnOver();
  expect(b.requests().length).toBe(asked + 1);
  await expectReadOnce(b.last(), word);
});

hostTest("ten messages at a time wake an idle session at most twice", async () => {
  const words = Array.from({ length: 10 }, (_, i) => newWord(`many${i}n`));
  const before = wakes(b.last());
  expect(await stage().sendMany("b", words)).toMatchObject({ status: 0, stderr: "" });
  for (const word of words) await b.given(word);
  await b.turnOver();

  expect(words.map((word) => timesIn(b.last(), word))).toEqual(words.map(() => 1));
  expect(wakes(b.last()) - before).toBeLessThanOrEqual(2);
  for (const word of words) await expectReadOnce(b.last(), word);
});

hostTest("mail does not disturb what the user of an idle session is typing", async () => {
  const word = newWord("typing");
  await b.type("half a prompt");
  await a.send({ to: "b", text: word });
  await b.given(word);
  await b.turnOver();
  expect(await b.screen()).toMatch(/^❯\s+half a prompt\s*$/m);
  await expectReadOnce(b.last(), word);
  await b.key("C-u");
});

hostTest("mail wakes a session that its user stopped with Escape", async () => {
  const word = newWord("escape");
  await b.play(use(stage().waitAt("escape")), say("done"));
  await stage().reached("escape");
  await b.key("Escape");
  await b.turnStopped();
  const sent = Date.now();
  await a.send({ to: "b", text: word });
  const request = await b.given(word);
  expect(request.at - sent).toBeLessThan(30_000);
  await b.turnOver();
  await expectReadOnce(b.last(), word);
});

hostTest("mail arrives even if the broker was killed before it was sent", async () => {
  const word = newWord("healed");
  const { pid } = JSON.parse(readFileSync(join(stage().home, ".cct", "broker.json"), "utf8"));
  process.kill(pid, "SIGKILL");
  const [answer] = await a.send({ to: "b", text: word });
  expect(answer?.failed, answer?.text).toBe(false);
  await b.given(word);
  await b.turnOver();
  await expectReadOnce(b.last(), word);
});

hostTest("mail wakes a session after /clear", async () => {
  const word = newWord("cleared");
  const before = b.conversationId();
  await b.command("/clear");
  await until("the conversation is another one", () => b.conversationId() !== before);
  await a.send({ to: "b", text: word });
  const request = await b.given(word);
  expect(wakes(request)).toBe(1);
  await b.turnOver();
  await expectReadOnce(b.last(), word);
});

hostTest("mail waits for a session that has ended, and arrives when it is resumed", async () => {
  const word = newWord("resumed");
  const conversation = b.conversationId();
  const server = readFileSync(join(stage().home, ".cct", "spool", String(b.pid), "server"), "utf8").split(" ")[0];
  expect(() => process.kill(Number(server), 0)).not.toThrow();
  await b.exit();
  await until("its session server has ended", () => !isAlive(Number(server)));
  const [answer] = await a.send({ to: "b", text: word });
  expect(answer?.text).toContain("queued for b: offline for");

  const resumed = await stage().start("again", { env: { CCT_NAME: "" }, args: ["--resume", conversation] });
  await resumed.given(word);
  await resumed.turnOver();
  const { recipients } = await expectReadOnce(resumed.last(), word);
  expect(recipients.map(({ name }) => name)).toEqual(["b"]);
});
