/** Rings at an idle Codex thread: a turn begins, and its prompt's hook takes the mail. The mail itself is never a user's message. */
import { WAKE } from "../rules/texts/frames.ts";
import { connectAppServer } from "./codex-socket.ts";

const ANSWER_MS = 8_000;

/** `path`: the socket of the daemon that serves the terminals. Resolves whether the turn begins. */
export async function ringCodex(path: string, threadId: string): Promise<boolean> {
  const server = await connectAppServer(path, ANSWER_MS);
  try {
    const { data } = await server.call("thread/loaded/list", {});
    if (!Array.isArray(data) || !data.includes(threadId)) return false;
    await server.call("turn/start", {
      threadId,
      input: [{ type: "text", text: WAKE.rewakeSummary, text_elements: [] }],
    });
    return true;
  } finally {
    server.close();
  }
}
