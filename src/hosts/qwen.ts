/** Qwen Code, a fork of Gemini CLI with Claude Code's names of hooks. Tried versions: `src/host/qwen.ts`. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { homeOf } from "../platform/config.ts";
import { paths } from "../platform/home.ts";
import { type Host, type HostNote, MAIL, type Place, REST_FILE, type Shape } from "./host.ts";

/** The hook that says so may run after the first hook of the next turn, which the host begins at the same moment. */
const REST_LATE_MS = 1_000;

/** No other hook runs after Escape, and after a permission was denied. */
function note(place: Place): HostNote {
  const file = join(paths(homeOf(place)).spool(place.ppid), REST_FILE);
  const rested = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  return rested === undefined ? {} : { state: "idle", stateAt: rested - REST_LATE_MS };
}

const beside = (hookEventName: string): Shape => ({ hookSpecificOutput: { hookEventName, additionalContext: MAIL } });

export const qwen = {
  name: "qwen",
  title: "Qwen Code",

  // A session that Claude Code starts has its variables too, so a hook's parent is the host.
  sessionVariable: "QWEN_CODE_SESSION_ID",
  unattended: { server: [], hooks: [] },
  endsForGood: [],
  note,

  events: {
    SessionStart: { role: "SessionStart", mail: beside("SessionStart") },
    // Also before each model request within a turn, but not before the first one of a turn that mail in the inbox begins.
    UserPromptSubmit: { role: "UserPromptSubmit", mail: beside("UserPromptSubmit") },
    // It drops context here, so mail comes with the end of the batch.
    PreToolUse: { role: "PreToolUse" },
    PostToolBatch: { role: "PostToolBatch", mail: beside("PostToolBatch") },
    PermissionRequest: { role: "PermissionRequest" },
    // It would show its user the mail as an error of the hook. The session is woken instead, at once.
    Stop: { role: "Stop" },
    StopFailure: { role: "StopFailure" },
    Notification: { role: "Rest", matcher: "idle_prompt" },
    SessionEnd: { role: "SessionEnd" },
  },
  tools: { own: "mcp__cct__", search: "tool_search", shell: "run_shell_command" },
  hooksTell: (env) => Boolean(env.CCT_HOOKS),

  wakes: (_client, { env: { QWEN_CODE_MESSAGING_SOCKET: socket, QWEN_CODE_MESSAGING_TOKEN: token } }) =>
    Boolean(socket && token),
  async wake({ env, newId }, toSessionId, take) {
    const { QWEN_CODE_MESSAGING_SOCKET: socket, QWEN_CODE_MESSAGING_TOKEN: token } = env;
    if (!socket || !token) return "lost";
    const { sendToInbox } = await import("./qwen-inbox.ts");
    return sendToInbox({ socket, token, toSessionId }, newId, take);
  },

  words: {
    died: "Qwen Code does not start it again. Mail for this session stays queued until the session is resumed.",
  },
} satisfies Host;
