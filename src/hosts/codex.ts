/** Codex. Tried with 0.169.0: `test/host/codex.test.ts`. */

import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { MAIL_CAME_FIRST } from "../rules/texts/frames.ts";
import type { Env, Host, Shape } from "./host.ts";
import { MAIL, REASON } from "./host.ts";

/** It rejects an answer with one key that it does not know. */
const beside = (hookEventName: string): Shape => ({ hookSpecificOutput: { hookEventName, additionalContext: MAIL } });

/** A thread's id. */
const text = (value: unknown): string | undefined =>
  typeof value === "string" && /^[A-Za-z0-9_-]{1,100}$/.test(value) ? value : undefined;

/** Of the daemon that serves the terminals. Without one nothing wakes a session. */
const socketIn = (env: Env): string =>
  join(env.CODEX_HOME || join(env.HOME || homedir(), ".codex"), "app-server-control", "app-server-control.sock");

/** What follows the program's name. Only Linux tells where words end, and a prompt may hold any. */
function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(1);
  } catch {
    return [];
  }
}

export const codex = {
  name: "codex",
  title: "Codex",

  // A daemon serves the terminals of a user, and starts a session server for each thread.
  serverPerConversation: true,
  conversationOf: ({ threadId }) => text(threadId),
  shellVariable: "CODEX_THREAD_ID",
  unattended: {
    server: [],
    hooks: [],
    // `codex exec`, which is the process of its session. Neither variables nor calls tell it from a terminal's.
    process: (pid) => commandLine(pid).some((word) => word === "exec" || word === "e"),
  },
  endsForGood: [],

  events: {
    SessionStart: { role: "SessionStart" },
    UserPromptSubmit: { role: "UserPromptSubmit", mail: beside("UserPromptSubmit") },
    PreToolUse: {
      role: "PreToolUse",
      mail: beside("PreToolUse"),
      hold: {
        hookSpecificOutput: {
          hookEventName: "PreToolUse",
          permissionDecision: "deny",
          permissionDecisionReason: `${MAIL_CAME_FIRST} ${REASON}`,
          additionalContext: MAIL,
        },
      },
    },
    PostToolUse: { role: "PostToolUse", mail: beside("PostToolUse") },
    PreModelRequest: { role: "PreModelRequest" },
    PermissionRequest: { role: "PermissionRequest" },
    Stop: { role: "Stop", mail: { decision: "block", reason: MAIL } },
    Interrupt: { role: "StopFailure" },
  },
  tools: { own: "mcp__cct__", search: "tool_search", shell: "Bash" },
  // It writes longer context (2,500 tokens of four bytes) into a file, and shows its beginning.
  maxText: 9_900,
  // The server's instructions are the description of its tools.
  hooksTell: () => false,

  wakes: (_client, { env }) => existsSync(socketIn(env)),
  async ring({ env }, conversation) {
    const { ringCodex } = await import("./codex-wake.ts");
    return ringCodex(socketIn(env), conversation);
  },

  words: {
    died: "Codex does not start it again. Mail for this session stays queued until the session is resumed.",
  },
} satisfies Host;
