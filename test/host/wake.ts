/** How long mail takes to wake an idle session of a real host, by itself and beside the host's own messages. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStage } from "./harness.ts";
import { findNeeds } from "./needs.ts";
import { cct, say, type ToolCall, use } from "./script.ts";
import { pause } from "./wait.ts";

export { measureCodexWake } from "./codex-wake.ts";
export { measureQwenWake } from "./qwen-wake.ts";

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

/** Milliseconds from a sender's request to its model, whose answer sends a message, to the request of the session that this wakes. */
export interface Beside {
  cct: number[];
  native: number[];
}

/**
 * The wake by CCT's tool beside the one by the host's own SendMessage, between the same two sessions, by turns. A text that says
 * why when this machine cannot run the real host.
 */
export async function measureBeside(count: number): Promise<Beside | string> {
  const needs = findNeeds();
  if (typeof needs === "string") return needs;
  const stage = await openStage(needs);
  try {
    // The host asks before it sends by itself; CCT's tools are allowed by its hook.
    writeFileSync(join(stage.home, ".claude", "settings.json"), settingsThatAllow(stage.home, "SendMessage"));
    const [sender, sleeper] = [await stage.start("sender"), await stage.start("sleeper")];
    const note = join(stage.home, ".claude", "sessions", `${sleeper.pid}.json`);
    const { name: to }: { name: string } = JSON.parse(readFileSync(note, "utf8"));
    const calls: Record<keyof Beside, (word: string) => ToolCall> = {
      cct: (text) => cct("send_message", { to: "sleeper", text }),
      native: (message) => ({ name: "SendMessage", input: { to, message, summary: "a word" } }),
    };
    const delays: Beside = { cct: [], native: [] };
    for (let i = 0; i < 2 * count; i++) {
      const way = (i + Math.floor(i / 2)) % 2 === 0 ? "cct" : "native";
      const word = `${way}${i}n${Math.random().toString(36).slice(2)}`;
      const before = sender.requests().length;
      await sender.play(use(calls[way](word)), say("sent"));
      const { at } = await sleeper.given(word);
      delays[way].push(at - (sender.requests()[before]?.at ?? Number.NaN));
      await sender.turnOver();
      await sleeper.turnOver();
      if (way === "cct") await stage.becomes(word, "read");
      // The waiter of this turn's end begins to wait.
      await pause(500);
    }
    return delays;
  } finally {
    await stage.close();
  }
}

function settingsThatAllow(home: string, tool: string): string {
  const settings = JSON.parse(readFileSync(join(home, ".claude", "settings.json"), "utf8"));
  settings.permissions.allow.push(tool);
  return JSON.stringify(settings);
}
