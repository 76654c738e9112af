/** How long mail takes to wake an idle session of the real Codex, beside a turn that is asked for at its daemon's socket. */
import { connectAppServer } from "../../src/hosts/codex-socket.ts";
import { openCodexStage } from "./codex-stage.ts";
import { newWord } from "./ground.ts";
import { findCodex } from "./needs.ts";
import { pause } from "./wait.ts";

interface Wakes {
  cct: number[];
  daemon: number[];
}

/**
 * Milliseconds to the woken session's request to its model, by turns: from the answer to `cct send`, and from the moment in which the
 * turn is asked for. A text that says why when this machine cannot run the real host.
 */
export async function measureCodexWake(count: number): Promise<Wakes | string> {
  const needs = findCodex();
  if (typeof needs === "string") return needs;
  const stage = await openCodexStage(needs, ["sleeper"]);
  try {
    await stage.cct("install", "--host", "codex", "--trust");
    const session = await stage.start("sleeper");
    await session.play({ text: "hello" });
    await session.idle();
    const threadId = stage.threadOf((await session.peer()).peer_id);
    const path = stage.at("home/.codex/app-server-control/app-server-control.sock");
    const server = await connectAppServer(path, 600_000);
    const ways: Record<keyof Wakes, (word: string) => Promise<number>> = {
      async cct(word) {
        await stage.cct("send", "sleeper", word);
        return Date.now();
      },
      async daemon(word) {
        const at = Date.now();
        await server.call("turn/start", { threadId, input: [{ type: "text", text: word, text_elements: [] }] });
        return at;
      },
    };
    const delays: Wakes = { cct: [], daemon: [] };
    for (let i = 0; i < 2 * count; i++) {
      const way = (i + Math.floor(i / 2)) % 2 === 0 ? "cct" : "daemon";
      const word = newWord(way);
      const sentAt = await ways[way](word);
      delays[way].push((await session.given(word)).at - sentAt);
      if (way === "cct") await stage.isRead(word);
      // Until its hook has said that it works, the session looks idle.
      await pause(2_000);
      await session.idle();
    }
    server.close();
    return delays;
  } finally {
    await stage.close();
  }
}
