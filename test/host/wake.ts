/** How long mail takes to wake an idle session of the real Claude Code. */
import { openStage } from "./harness.ts";
import { findNeeds } from "./needs.ts";

/**
 * Milliseconds from the answer to `cct send` to the woken session's request to its model, once per message.
 * A text that says why when this machine cannot run the real host.
 */
export async function measureWake(count = 10): Promise<number[] | string> {
  const needs = findNeeds();
  if (typeof needs === "string") return needs;
  const stage = await openStage(needs);
  try {
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
    }
    return delays;
  } finally {
    await stage.close();
  }
}
