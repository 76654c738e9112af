/** Runs of the real Qwen Code without a terminal (`qwen -p`), and conversations that are resumed. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { afterAll, beforeAll, expect } from "vitest";
import { testsOf } from "./agent-test.ts";
import { newWord } from "./ground.ts";
import { findQwen } from "./needs.ts";
import { openQwenStage, type QwenStage } from "./qwen-stage.ts";
import { until } from "./wait.ts";

const needs = findQwen();
const test = testsOf("Qwen Code", needs, 240_000);

let stage: QwenStage;

beforeAll(async () => {
  if (typeof needs === "string") return;
  stage = await openQwenStage(needs);
  await stage.cct("install", "--host", "qwen");
}, 240_000);

afterAll(() => stage?.close());

test("in qwen -p, mail reaches the model beside its tool's result, and its output stays its own", async () => {
  const word = newWord("print");
  const run = stage.print("p", stage.api.script([stage.waitAt("printing"), { text: "all done" }]));
  await until("the tool runs", () => existsSync(stage.api.reached("printing")));
  await until("it is a peer", () => stage.peerNamed("p"));
  await stage.cct("send", "p", word);
  await stage.mailWaits();
  stage.api.open("printing");
  const { stdout, code } = await run;
  expect({ stdout: stdout.trim(), code }).toEqual({ stdout: "all done", code: 0 });
  const places = stage.api
    .requestsOf("p")
    .flatMap(({ messages }) => messages.filter(({ content }) => content.includes(word)));
  expect(places.map(({ role }) => role)).toContain("tool");
  await stage.isRead(word);
});

test("a conversation that is resumed is the same peer, and mail wakes it", async () => {
  const word = newWord("resumed");
  const first = await stage.start("c", { seat: false });
  await first.play({ text: "hello" });
  await until("the model is asked", () => first.requests().length > 0);
  await first.idle();
  const before = await first.peer();
  const conversation = readFileSync(first.inSpool("session"), "utf8").trim();
  await first.submit("/quit");
  await until("it has ended", first.hasEnded);
  const second = await stage.start("c", { seat: false, args: ["--resume", conversation] });
  expect((await second.peer()).peer_id).toBe(before.peer_id);
  await stage.cct("send", "c", word);
  await second.given(word);
  await stage.isRead(word);
});

test("mail wakes a session whose user has interrupted it", async () => {
  const word = newWord("escape");
  const session = await stage.start("e");
  await session.play({ text: "never said", gate: "never" });
  await until("the model is asked", () => session.requests().length > 0);
  // A notification within a second of the prompt may be that of the turn before.
  const state = session.inSpool("state");
  await until(
    "it has worked for more than a second",
    () => readFileSync(state, "utf8").startsWith("active") && statSync(state).mtimeMs < Date.now() - 1_000,
  );
  await session.key("Escape");
  await session.idle();
  await stage.cct("send", "e", word);
  await session.given(word);
  await stage.isRead(word);
});
