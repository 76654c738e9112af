/** Runs of the real Gemini CLI without a terminal (`gemini -p`), and sessions that are resumed, interrupted or left. */
import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect } from "vitest";
import { testsOf } from "./agent-test.ts";
import { type GeminiStage, openGeminiStage } from "./gemini-stage.ts";
import { newWord } from "./ground.ts";
import { findGemini } from "./needs.ts";
import { until } from "./wait.ts";

const needs = findGemini();
const test = testsOf("Gemini CLI", needs, 600_000);

let stage: GeminiStage;

beforeAll(async () => {
  if (typeof needs === "string") return;
  stage = await openGeminiStage(needs);
  await stage.cct("install", "--host", "gemini");
}, 600_000);

afterAll(() => stage?.close());

test("in gemini -p, mail reaches the model beside its tool's result, and its output stays its own", async () => {
  const [word, late] = [newWord("print"), newWord("late")];
  const turns = [stage.waitAt("printing"), { text: "all done", gate: "printed" }];
  const run = stage.print("p", stage.api.script(turns));
  await until("the tool runs", () => existsSync(stage.api.reached("printing")));
  await until("it is a peer", () => stage.peerNamed("p"));
  await stage.cct("send", "p", word);
  await stage.mailWaits();
  stage.api.open("printing");
  await until("the model is asked again", () => stage.api.requestsOf("p").length > 1);
  // Too late for a tool: it must not begin another turn, whose answer would be output, too.
  await stage.cct("send", "p", late);
  await stage.mailWaits();
  stage.api.open("printed");
  const { stdout, code } = await run;
  expect({ stdout: stdout.trim(), code }).toEqual({ stdout: "all done", code: 0 });
  const places = stage.api
    .requestsOf("p")
    .flatMap(({ messages }) => messages.filter(({ content }) => content.includes(word)));
  expect(places.map(({ role }) => role)).toContain("tool");
  expect(JSON.stringify(stage.api.requestsOf("p"))).not.toContain(late);
  await stage.isRead(word);
});

test("a conversation that is resumed is the same peer, and another one in its folder is not", async () => {
  const word = newWord("resumed");
  const first = await stage.start("c", { seat: false });
  await first.play({ text: "hello" });
  await until("the model is asked", () => first.requests().length > 0);
  await first.idle();
  const before = await first.peer();
  const conversation = readFileSync(first.inSpool("session"), "utf8").trim();
  await first.submit("/quit", { isLast: true });
  await until("it has ended", first.hasEnded);
  const second = await stage.start("c", { seat: false, args: ["--resume", conversation] });
  expect((await second.peer()).peer_id).toBe(before.peer_id);
  await stage.cct("send", "c", word);
  await second.play({ text: "a turn" });
  await second.given(word);
  await stage.isRead(word);
  const { peers } = JSON.parse(await stage.cct("peers", "--all", "--json"));
  expect(peers.filter(({ name }: { name: string }) => name.startsWith("c"))).toHaveLength(1);
});

test("mail of a prompt that its user interrupts before an answer comes again, and is not read before", async () => {
  const word = newWord("escape");
  const session = await stage.start("e");
  await stage.cct("send", "e", word);
  await session.mailWaits();
  await session.play({ text: "never said", gate: "never" });
  await session.given(word);
  await session.key("Escape");
  // The host forgets that prompt. The mail was taken, so it lies there again.
  await session.mailWaits();
  expect(await stage.stateOf(word)).not.toBe("read");
  await session.idle();
  await session.play({ text: "a turn" });
  const again = await until("the model is given it again", () => session.requests().find((one) => isAgain(one, word)));
  expect(again.messages.filter(({ content }) => content.includes(word))).toHaveLength(1);
  await until("it is read", async () => (await stage.stateOf(word)) === "read");
});

test("a session whose terminal is closed leaves", async () => {
  const session = await stage.start("w");
  // While it starts, the signal of the terminal ends it.
  await session.play({ text: "hello" });
  await until("the model is asked", () => session.requests().length > 0);
  await session.idle();
  await session.close();
  await until("the peer is offline", async () => (await stage.peerNamed("w"))?.presence === "offline");
});

const isAgain = ({ messages }: { messages: { content: string }[] }, word: string): boolean =>
  messages.some(({ content }) => content.includes(word) && content.includes("again: it may have been shown before"));
