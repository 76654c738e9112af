/** Rings at an idle Codex thread: a turn begins, and its prompt's hook takes the mail. The mail itself is never a user's message. */
import { execFile } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import type { World } from "../platform/world.ts";
import { WAKE } from "../rules/texts/frames.ts";
import { connectAppServer } from "./codex-socket.ts";
import type { Env } from "./host.ts";

const ANSWER_MS = 8_000;
const QUEUE_MS = 15_000;

/** Of the daemon that serves the terminals. */
const socketIn = (env: Env): string =>
  join(env.CODEX_HOME || join(env.HOME || homedir(), ".codex"), "app-server-control", "app-server-control.sock");

/** Resolves whether the turn begins. */
export async function ringCodex({ env, newId }: Pick<World, "env" | "newId">, threadId: string): Promise<boolean> {
  try {
    return (await ringBySocket(socketIn(env), newId, threadId)) || (await ringByQueue(env, threadId));
  } catch {
    return ringByQueue(env, threadId);
  }
}

async function ringBySocket(path: string, newId: () => string, threadId: string): Promise<boolean> {
  const server = await connectAppServer(path, newId, ANSWER_MS);
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

/** For a terminal without the daemon. */
const ringByQueue = (env: Env, threadId: string): Promise<boolean> =>
  new Promise((done) => {
    const words = ["queue", "--thread", threadId, "--message", WAKE.rewakeSummary];
    execFile("codex", words, { env, timeout: QUEUE_MS, killSignal: "SIGKILL" }, (error) => done(error === null));
  });
