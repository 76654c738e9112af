/** How long mail takes to wake an idle session of the real Claude Code. */
import { openStage } from "./harness.ts";
import { findNeeds } from "./needs.ts";
import { pause } from "./wait.ts";

/**
 * Milliseconds from the answer to `cct send` to the woken session's request to its model, once per message. `by`: the
 * hook that wakes, the other one being taken out. A text that says why when this machine cannot run the real host.
 */
export async function measureWake(count: number, by: "Waiter" | "FileChanged"): Promise<number[] | string> {
  const needs = findNeeds();
  if (typeof needs === "string") return needs;
  const stage = await openStage(needs);
  try {
    stage.withoutHooks([by === "Waiter" ? "FileChanged" : "Waiter"]);
    const session = await stage.start("sleeper");
    const delays: number[] = [];
    for (let i = 0; i < count; i++) {
      const word = `wake${i}n${Math.random().toString(36).slice(2)}`;
      const sent = await stage.cct("send", "sleeper", word);
      if (sent.status !== 0) throw new Error(`cct send: ${sent.stderr}`);
      const { at } = await session.given(word);
      delays.push(at - sent.answeredAt);
      await session.turnOver();
      await stage.becomes(word, "read");
      // The waiter of this turn's end begins to wait.
      await pause(500);
    }
    return delays;
  } finally {
    await stage.close();
  }
}
