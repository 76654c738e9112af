/** Claude Code, Codex and Qwen Code in one pool: the real programs, with scripted models and no network. */
import { afterAll, beforeAll, expect, test as inTurn } from "vitest";
import { notRun } from "../support/not-run.ts";
import { type CodexSession, cctTool, openCodexStage } from "./codex-stage.ts";
import { type Ground, newWord, openGround } from "./ground.ts";
import { openStage } from "./harness.ts";
import { findCodex, findNeeds, findQwen } from "./needs.ts";
import { openQwenStage, type QwenSession } from "./qwen-stage.ts";
import { timesIn, toolResults } from "./requests.ts";
import { cct, say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { until } from "./wait.ts";

const needs = { claude: findNeeds(), codex: findCodex(), qwen: findQwen() };
const why = Object.values(needs).find((one) => typeof one === "string");
const test = (name: string, work: () => Promise<void>): void => {
  inTurn.skipIf(why !== undefined && notRun(`three agents: ${name}`, why))(name, work, 600_000);
};

/** What its model does: it says something, or calls one of CCT's tools. */
type Step = { say: string } | { call: string; input: object };

/** A session of one of the three, as far as they are alike. */
interface Agent {
  name: string;
  agent: string;
  play(...steps: Step[]): Promise<void>;
  idle(): Promise<unknown>;
  /** Its model is given the word: once, in the request that has it first. */
  given(word: string): Promise<string>;
}

const ofClaude = (session: Session): Agent => ({
  name: "c",
  agent: "claude",
  play: (...steps) =>
    session.play(...steps.map((step) => ("say" in step ? say(step.say) : use(cct(step.call, { ...step.input }))))),
  idle: () => session.turnOver(),
  async given(word) {
    const request = await session.given(word);
    expect(timesIn(request, word)).toBe(1);
    return JSON.stringify(request.messages);
  },
});
const ofCodex = (session: CodexSession): Agent => ({
  name: "x",
  agent: "codex",
  play: (...steps) =>
    session.play(...steps.map((step) => ("say" in step ? { text: step.say } : cctTool(step.call, step.input)))),
  idle: session.idle,
  given: async (word) => (await session.given(word)).text,
});
const ofQwen = (session: QwenSession): Agent => ({
  name: "q",
  agent: "qwen",
  play: (...steps) =>
    session.play(
      ...steps.map((step) =>
        "say" in step ? { text: step.say } : { tools: [{ name: `mcp__cct__cct_${step.call}`, input: step.input }] },
      ),
    ),
  idle: session.idle,
  given: async (word) => (await session.given(word)).text,
});

let ground: Ground;
let claudeSession: Session;
let claude: Agent;
let codex: Agent;
let qwen: Agent;
let all: Agent[];

beforeAll(async () => {
  if (typeof needs.claude === "string" || typeof needs.codex === "string" || typeof needs.qwen === "string") return;
  ground = await openGround(needs.claude);
  const stages = {
    claude: await openStage(needs.claude, ground),
    codex: await openCodexStage(needs.codex, ["x"], ground),
    qwen: await openQwenStage(needs.qwen, ground),
  };
  await ground.cct("install", "--host", "codex", "--trust");
  await ground.cct("install", "--host", "qwen");
  claudeSession = await stages.claude.start("c");
  const sessions = { codex: await stages.codex.start("x"), qwen: await stages.qwen.start("q") };
  [claude, codex, qwen] = [ofClaude(claudeSession), ofCodex(sessions.codex), ofQwen(sessions.qwen)];
  all = [claude, codex, qwen];
}, 600_000);

afterAll(() => ground?.close());

const allIdle = (): Promise<unknown> => Promise.all(all.map((one) => one.idle()));

/** Its model calls one of CCT's tools in a turn of its own. */
const call = (agent: Agent, tool: string, input: object): Promise<void> =>
  agent.play({ call: tool, input }, { say: "done" });

test("each is a peer of its agent", async () => {
  for (const one of all) await one.play({ say: "hello" });
  await allIdle();
  const peers = await Promise.all(all.map(({ name }) => ground.peer(name)));
  expect(peers.map(({ name, agent = "claude" }) => ({ name, agent }))).toEqual(
    all.map(({ name, agent }) => ({ name, agent })),
  );
});

test("an invitation by one wakes the two others", async () => {
  const purpose = newWord("purpose");
  await claude.play(
    { call: "create_pool", input: { name: "crew", purpose } },
    ...[codex, qwen].map(({ name }) => ({ call: "invite_to_pool", input: { pool: "crew", peer: name } })),
    { say: "invited" },
  );
  for (const one of [codex, qwen]) expect(await one.given(purpose)).toContain("added you to the pool @crew");
  await allIdle();
});

test("what each of them says to the pool reaches the two others", async () => {
  for (const speaker of all) {
    const word = newWord("all");
    await call(speaker, "send_message", { to: "@crew", text: word });
    const others = all.filter((one) => one !== speaker);
    for (const one of others) expect(await one.given(word)).toMatch(new RegExp(`CCT mail.* · ${speaker.name} \\(`));
    await ground.isReadAtLast(word, others.length);
    await allIdle();
  }
});

test("each asks another one, which is woken, answers, and wakes the one that asked", async () => {
  const pairs: [Agent, Agent][] = [
    [claude, codex],
    [codex, qwen],
    [qwen, claude],
  ];
  for (const [asker, asked] of pairs) {
    const [question, answer] = [newWord("question"), newWord("answer")];
    await asked.play(
      { say: "I listen" },
      { call: "send_message", input: { to: asker.name, reply_to: "last", text: answer } },
      { say: "answered" },
    );
    await asked.idle();
    await call(asker, "send_message", { to: asked.name, text: question });
    await asked.given(question);
    expect(await asker.given(answer)).toMatch(new RegExp(`CCT mail.* · ${asked.name} \\(`));
    await Promise.all([ground.isReadAtLast(question), ground.isReadAtLast(answer)]);
    const { messages } = JSON.parse(await ground.cct("messages", "--limit", "50", "--full", "--json"));
    const sent = (text: string) => messages.find((one: { text: string }) => one.text === text);
    expect(sent(answer).reply_to).toBe(sent(question).message_id);
    await allIdle();
  }
});

test("all three vote, and the one that two release leaves", async () => {
  const [reason, after] = [newWord("reason"), newWord("after")];
  await call(claude, "propose_release", { pool: "crew", peer: "q", reason });
  await claude.idle();
  const proposed = toolResults(claudeSession.last()).at(-1)?.text ?? "";
  const [, proposal_id = "no id"] = /\(proposal ([0-9a-f]{8}),/.exec(proposed) ?? [];
  for (const one of [codex, qwen]) expect(await one.given(reason)).toContain(`proposal_id="${proposal_id}"`);
  await allIdle();

  await call(qwen, "vote_release", { proposal_id, vote: "no" });
  await qwen.idle();
  await call(codex, "vote_release", { proposal_id, vote: "yes" });
  expect(await qwen.given("has released you")).toContain("2 of 3 voted yes");
  await allIdle();

  await call(qwen, "leave_pool", { pool: "crew" });
  await until("it has left", async () => {
    const { members } = JSON.parse(await ground.cct("pool", "status", "crew", "--json"));
    return members.length === 2;
  });
  await call(claude, "send_message", { to: "@crew", text: after });
  await codex.given(after);
  await ground.isReadAtLast(after, 1);
});
