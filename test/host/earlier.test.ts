/** Delivery and wakes on a recent version of Claude Code that people still have. The newest has all other tests. */
import { expect } from "vitest";
import { EARLIER_HOST_VERSION } from "./needs.ts";
import { timesIn, toolResults, wakes } from "./requests.ts";
import { bash, say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { expectReadOnce, hostTest, newWord, onStage, onVersion, stage } from "./stage.ts";
import { until } from "./wait.ts";

let a: Session;
let b: Session;

onVersion(EARLIER_HOST_VERSION);
onStage(async (stage) => {
  [a, b] = await Promise.all([stage.start("a"), stage.start("b")]);
});

hostTest(`on ${EARLIER_HOST_VERSION}, mail wakes an idle session, before its first turn and after /clear`, async () => {
  for (const word of [newWord("first"), newWord("cleared")]) {
    await a.send({ to: "b", text: word });
    const request = await b.given(word);
    expect(wakes(request)).toBe(1);
    await b.turnOver();
    await expectReadOnce(b.last(), word);
    const before = b.conversationId();
    await b.command("/clear");
    await until("the conversation is another one", () => b.conversationId() !== before);
  }
});

hostTest(
  `on ${EARLIER_HOST_VERSION}, mail appears beside a tool's result, and an interrupt denies one call`,
  async () => {
    const [word, urgent] = [newWord("tool"), newWord("interrupt")];
    const before = toolResults(b.last()).length;
    await b.play(
      use(stage().waitAt("tool")),
      use(stage().waitAt("interrupt")),
      use(bash("echo held")),
      use(bash("echo runs")),
      say("done"),
    );
    for (const [gate, text, urgency] of [
      ["tool", word, "normal"],
      ["interrupt", urgent, "interrupt"],
    ] as const) {
      await stage().reached(gate);
      await Promise.all([a.send({ to: "b", text, urgency }), b.mailWaits().then(() => stage().open(gate))]);
    }
    await b.turnOver();

    const results = toolResults(b.last()).slice(before);
    expect(results.map(({ failed }) => failed)).toEqual([false, false, true, false]);
    expect(results[2]?.text).toContain("Your Bash call was not run");
    expect(wakes(b.last())).toBe(0);
    await expectReadOnce(b.last(), word);
    await expectReadOnce(b.last(), urgent);
  },
);

hostTest(`on ${EARLIER_HOST_VERSION}, mail at the end of a turn is given at once after it`, async () => {
  const word = newWord("last");
  await b.play({ ...say("done"), gate: "last" });
  const asked = b.requests().length;
  await Promise.all([a.send({ to: "b", text: word }), b.mailWaits().then(() => stage().open("last"))]);
  await b.given(word);
  await b.turnOver();
  expect(b.requests().length).toBe(asked + 1);
  expect(timesIn(b.last(), word)).toBe(1);
  await expectReadOnce(b.last(), word);
});
