/** How long mail takes to wake an idle session of the real Qwen Code, beside a message that is written into its inbox. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sendToInbox } from "../../src/hosts/qwen-inbox.ts";
import { newWord } from "./ground.ts";
import { findQwen } from "./needs.ts";
import { openQwenStage } from "./qwen-stage.ts";

interface Wakes {
  cct: number[];
  inbox: number[];
}

/**
 * Milliseconds to the woken session's request to its model, by turns: from the answer to `cct send`, and from the moment in which
 * the message is written. A text that says why when this machine cannot run the real host.
 */
export async function measureQwenWake(count: number): Promise<Wakes | string> {
  const needs = findQwen();
  if (typeof needs === "string") return needs;
  const stage = await openQwenStage(needs);
  try {
    await stage.cct("install", "--host", "qwen");
    const session = await stage.start("sleeper");
    const records = stage.at("home/.qwen/sessions");
    const [file = ""] = readdirSync(records).filter((name) => name.endsWith(".json"));
    const ways: Record<keyof Wakes, (word: string) => Promise<number>> = {
      async cct(word) {
        await stage.cct("send", "sleeper", word);
        return Date.now();
      },
      async inbox(word) {
        const { ipcPath: socket, ipcToken: token, sessionId } = JSON.parse(readFileSync(join(records, file), "utf8"));
        let at = Number.NaN;
        await sendToInbox(
          { socket, token, toSessionId: sessionId },
          () => randomBytes(16).toString("hex"),
          () => {
            at = Date.now();
            return word;
          },
        );
        return at;
      },
    };
    const delays: Wakes = { cct: [], inbox: [] };
    for (let i = 0; i < 2 * count; i++) {
      const way = (i + Math.floor(i / 2)) % 2 === 0 ? "cct" : "inbox";
      const word = newWord(way);
      const sentAt = await ways[way](word);
      delays[way].push((await session.given(word)).at - sentAt);
      if (way === "cct") await stage.isRead(word);
      await session.idle();
    }
    return delays;
  } finally {
    await stage.close();
  }
}
