/** Messages longer than what the host shows of one tool result. */
import { expect } from "vitest";
import { timesIn, toolResults } from "./requests.ts";
import { cct, say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { hostTest, newWord, onStage, stage } from "./stage.ts";

let a: Session;
let b: Session;

onStage(async (stage) => {
  [a, b] = await Promise.all([stage.start("a"), stage.start("b")]);
});

hostTest(
  "a message of 60,000 characters stands whole in the model's requests, and is read only after its last page",
  async () => {
    const word = newWord("long");
    const lines = Array.from({ length: 1_200 }, (_, n) => `line ${n} of "${word}", with some more words`);
    const message = lines.join("\n");
    await a.send({ to: "b", text: message });
    await b.given("too long to show here");
    await b.turnOver();

    const before = toolResults(b.last()).length;
    await b.play(use(cct("check_messages")), use(cct("check_messages")), say("half of it"));
    await b.turnOver();
    const { recipients } = await stage().becomes(message, "claimed");
    expect(recipients).toHaveLength(1);
    const check = use(cct("check_messages"));
    await b.play(check, check, use(cct("list_peers")), say("done"));
    await b.turnOver();
    const results = toolResults(b.last()).slice(before);
    expect(results.map(({ failed }) => failed)).not.toContain(true);
    for (const { text } of results) expect(text).not.toContain("persisted-output");
    // The mail had the first lines already.
    for (const [line, times] of [
      [0, 2],
      [700, 1],
      [1_199, 1],
    ])
      expect(timesIn(b.last(), `line ${line} of `)).toBe(times);
    await stage().becomes(message, "read");
  },
);
