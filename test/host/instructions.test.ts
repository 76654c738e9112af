/** The instructions stand in each conversation, whatever began it. */
import { expect } from "vitest";
import { type Request, timesIn } from "./requests.ts";
import { say } from "./script.ts";
import type { Session } from "./session.ts";
import { hostTest, newWord, onStage, stage } from "./stage.ts";
import { until } from "./wait.ts";

let a: Session;
let b: Session;

onStage(async (stage) => {
  [a, b] = await Promise.all([stage.start("a"), stage.start("b")]);
});

const times = (request: Request | undefined): number => timesIn(request, "CCT connects this session");
const named = (request: Request | undefined): number => timesIn(request, 'You are \\"b\\" (');

async function woken(by: string): Promise<Request> {
  const word = newWord(by);
  await a.send({ to: "b", text: word });
  return b.given(word);
}

hostTest(
  "after /clear, where the host leaves those of MCP servers out, they stand once, with the session's name",
  async () => {
    await b.play(say("a turn"));
    await b.turnOver();
    expect([times(b.last()), named(b.last())]).toEqual([1, expect.any(Number)]);
    const before = b.conversationId();
    await b.command("/clear");
    await until("the conversation is another one", () => b.conversationId() !== before);
    const request = await woken("cleared");
    expect([times(request), named(request)]).toEqual([1, 1]);
    expect(timesIn(request, 'you are \\"b\\"')).toBe(0);
    await b.turnOver();
  },
);

hostTest("after a compaction and a resume they stand there", async () => {
  await b.command("/compact");
  await b.turnOver();
  const compacted = await woken("compacted");
  expect([times(compacted), named(compacted)]).toEqual([1, 1]);
  await b.turnOver();
  const conversation = b.conversationId();
  await b.exit();
  const again = await stage().start("again", { env: { CCT_NAME: "" }, args: ["--resume", conversation] });
  await again.play(say("a turn"));
  await again.turnOver();
  // What the conversation was told before it ended stands there, too.
  expect(times(again.last())).toBe(2);
});
