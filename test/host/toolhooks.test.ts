/** Hooks for systems where bash starts slowly, in the real host: calls of the session server's own tool. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { placeOf, timesIn, toolResults, wakes } from "./requests.ts";
import { bash, cct, say, use } from "./script.ts";
import type { Outgoing, Session } from "./session.ts";
import { expectReadOnce, hostTest, newWord, onStage, stage } from "./stage.ts";
import { pause, until } from "./wait.ts";

let a: Session;
let b: Session;
let blocked: Session;

onStage(async (stage) => {
  const { status, stderr } = await stage.cct("install", "--hooks", "mcp_tool");
  if (status !== 0) throw new Error(stderr);
  [a, b, blocked] = await Promise.all([
    stage.start("a"),
    stage.start("b"),
    stage.start("blocked", { env: { CCT_DELIVERY: "block" } }),
  ]);
});

/** Opens the gate that `to` stands at as soon as the message lies in its spool. */
async function passGate(gate: string, to: Session, message: Outgoing): Promise<void> {
  await Promise.all([a.send(message), to.mailWaits().then(() => stage().open(gate))]);
}

hostTest("no bash runs: hooks are calls of CCT's tool and program, and the start shows no error", async () => {
  const hooks = readFileSync(join(stage().home, ".claude/skills/cct/hooks/hooks.json"), "utf8");
  expect(hooks).not.toContain("bash");
  expect(hooks.match(/"type": "mcp_tool"/g)).toHaveLength(7);
  for (const session of [a, b]) expect(await session.history()).not.toMatch(/hook|failed|error/i);
});

hostTest("mail that arrives while a tool runs appears beside its result, and no call fails", async () => {
  const word = newWord("tool");
  const before = toolResults(b.last()).length;
  await b.play(use(stage().waitAt("tool")), use(bash("echo two")), use(bash("echo three")), say("done"));
  await stage().reached("tool");
  const asked = b.requests().length;
  await passGate("tool", b, { to: "b", text: word });
  await b.turnOver();
  expect(timesIn(b.requests()[asked], word)).toBe(1);
  expect(
    toolResults(b.last())
      .slice(before)
      .map(({ failed }) => failed),
  ).toEqual([false, false, false]);
  expect(wakes(b.last())).toBe(0);
  await expectReadOnce(b.last(), word);
});

hostTest("mail that arrives while the model thinks appears beside the next tool's result", async () => {
  const word = newWord("think");
  await b.play({ ...use(bash("echo one")), gate: "think" }, use(bash("echo two")), say("done"));
  const asked = b.requests().length;
  await passGate("think", b, { to: "b", text: word });
  await b.turnOver();
  expect(timesIn(b.requests()[asked], word)).toBe(1);
  await expectReadOnce(b.last(), word);
});

hostTest("mail that arrives as the model finishes continues the turn", async () => {
  const word = newWord("last");
  await b.play({ ...say("done"), gate: "last" });
  const asked = b.requests().length;
  await passGate("last", b, { to: "b", text: word });
  await b.given(word);
  await b.turnOver();
  expect(b.requests().length).toBe(asked + 1);
  await expectReadOnce(b.last(), word);
});

hostTest("an interrupt, or any mail with CCT_DELIVERY=block, denies one tool call", async () => {
  for (const [to, gate, more] of [
    [b, "interrupt", { urgency: "interrupt" }],
    [blocked, "block", {}],
  ] as const) {
    const word = newWord(gate);
    const before = toolResults(to.last()).length;
    await to.play(
      use(stage().waitAt(gate)),
      use(cct("list_peers")),
      use(bash("echo denied")),
      use(bash("echo runs")),
      say("done"),
    );
    await stage().reached(gate);
    await passGate(gate, to, { to: to.name, text: word, ...more });
    await to.turnOver();
    const results = toolResults(to.last()).slice(before);
    expect(results.map(({ failed }) => failed)).toEqual([false, false, true, false]);
    expect(results[2]?.text).toContain("Your Bash call was not run");
    await expectReadOnce(to.last(), word);
  }
});

hostTest("mail wakes an idle session", async () => {
  const word = newWord("idle");
  await a.send({ to: "b", text: word });
  const request = await b.given(word);
  expect(placeOf(request, word)?.text).toContain("[SYSTEM NOTIFICATION - NOT USER INPUT]");
  await b.turnOver();
  await expectReadOnce(b.last(), word);
});

hostTest("low mail waits for the next prompt and comes with it", async () => {
  const word = newWord("low");
  await a.send({ to: "b", text: word, urgency: "low" });
  await b.mailWaits();
  const asked = b.requests().length;
  await pause(2_000);
  await b.play(say("a turn"));
  await b.turnOver();
  expect(b.requests().length).toBe(asked + 1);
  await expectReadOnce(b.last(), word);
});

hostTest("mail is shown to the main agent, not to its subagents", async () => {
  const word = newWord("agent");
  const prompt = stage().script([use(stage().waitAt("agent")), use(bash("echo of the agent")), say("agent done")]);
  const task = { name: "Agent", input: { description: "a task", prompt, subagent_type: "general-purpose" } };
  await b.play(use(task), say("waiting for the agent"));
  await stage().reached("agent");
  await passGate("agent", b, { to: "b", text: word });
  await b.given(word);
  await b.turnOver();
  const ofTheAgent = b.requests().filter(({ messages }) => JSON.stringify(messages[0]).includes(prompt));
  expect(ofTheAgent.map((request) => timesIn(request, word))).toEqual(ofTheAgent.map(() => 0));
  await expectReadOnce(b.last(), word);
});

hostTest("after /clear the session is the same peer, and its hooks still work", async () => {
  const word = newWord("cleared");
  const before = b.conversationId();
  await b.command("/clear");
  await until("the conversation is another one", () => b.conversationId() !== before);
  const spool = join(stage().home, ".cct/spool", String(b.pid), "session");
  await until("the session server knows it", () => readFileSync(spool, "utf8").trim() === b.conversationId());
  await a.send({ to: "b", text: word });
  await b.given(word);
  await b.turnOver();
  await expectReadOnce(b.last(), word);
});

hostTest("no session showed an error", async () => {
  for (const session of [a, b, blocked]) {
    const seen = (await session.history()).replace(/Reason: PreToolUse:Bash hook error: CCT mail/g, "");
    expect(seen).not.toMatch(/hook failed|hook error|not connected|no such tool/i);
  }
});
