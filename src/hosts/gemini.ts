/** Gemini CLI. Tried versions: `src/host/gemini.ts`; the real program: `test/host/gemini.test.ts`. */
import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { MAIL_RINGS } from "../rules/texts/frames.ts";
import { type Host, MAIL, type Shape } from "./host.ts";

const beside = (hookEventName: string): Shape => ({ hookSpecificOutput: { hookEventName, additionalContext: MAIL } });

/** `gemini -p`, or one whose input or output is no terminal: what it says last is its output. */
function isHeadless(pid: number): boolean {
  try {
    const isLinux = process.platform === "linux";
    const args = isLinux
      ? readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
      : execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" }).split(/\s+/);
    if (args.some((one) => /^(-p|--prompt(=.*)?)$/s.test(one))) return true;
    return isLinux && [0, 1].some((fd) => !/^\/dev\/(pts\/|tty|console)/.test(readlinkSync(`/proc/${pid}/fd/${fd}`)));
  } catch {
    // It may be one.
    return true;
  }
}

export const gemini = {
  name: "gemini",
  title: "Gemini CLI",

  // The parent of hooks and of the session server is the program itself. It tells the server no conversation, and its hooks tell it
  // after the server has started.
  hookVariable: "GEMINI_SESSION_ID",
  beginsWithHooks: true,
  outlivesTerminal: true,
  unattended: { server: [], hooks: [], process: isHeadless },
  endsForGood: [],

  events: {
    // What it says at `/clear` is dropped, so the extension's context file has the instructions.
    SessionStart: { role: "SessionStart" },
    BeforeAgent: { role: "UserPromptSubmit", mail: beside("BeforeAgent") },
    // It drops context here.
    BeforeTool: { role: "PreToolUse" },
    AfterTool: { role: "PostToolUse", mail: beside("AfterTool") },
    BeforeModel: { role: "PreModelRequest" },
    // The reason becomes a prompt, in the user's place: it says that mail is there, and the hook of that prompt brings it, in a frame.
    AfterAgent: {
      role: "Stop",
      ring: { decision: "deny", reason: MAIL_RINGS, systemMessage: "CCT brings mail." },
      // Also after Escape, and after an error of the API: it forgets that prompt.
      unanswered: '"prompt_response":"[no response text]"',
    },
    Notification: { role: "PermissionRequest" },
    SessionEnd: { role: "SessionEnd" },
  },
  tools: { own: "mcp_cct_", search: "", shell: "run_shell_command", agent: "invoke_agent" },
  hooksTell: (env) => Boolean(env.CCT_HOOKS),

  // Only a background command of the model does, and what it says would stand as a word of the user.
  wakes: () => false,

  words: {
    died: "Gemini CLI does not start it again until you say /mcp reload. Mail for this session stays queued until then.",
  },
} satisfies Host;
