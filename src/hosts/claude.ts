/** Claude Code. What it does was measured: see `docs/hosts.md` for the versions, and `test/host/` for the real program. */
import { homedir } from "node:os";
import { basename, join, resolve } from "node:path";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import { MAIL_CAME_FIRST } from "../rules/texts/frames.ts";
import { atLeast, WAKES_SINCE } from "../rules/versions.ts";
import { type Host, type HostNote, MAIL, MAIL_FILE, type Place, REASON, type Shape } from "./host.ts";

/** `~/.claude`, or `$CLAUDE_CONFIG_DIR`. */
export function claudeFolder({ env, cwd }: Pick<World, "env" | "cwd">): string {
  const set = env.CLAUDE_CONFIG_DIR;
  return set ? resolve(cwd, set) : join(env.HOME || homedir(), ".claude");
}

/** The states by the host's words. */
const stateOf: Readonly<Record<string, HostNote["state"]>> = { idle: "idle", busy: "active", waiting: "blocked" };

/** `sessions/<pid>.json` in its folder. */
function note(place: Place): HostNote {
  let noted: { name?: unknown; nameSource?: unknown; status?: unknown; statusUpdatedAt?: unknown };
  try {
    const file = join(claudeFolder(place), "sessions", `${place.ppid}.json`);
    noted = Object(JSON.parse(readIfThere(file) ?? "{}"));
  } catch {
    return {};
  }
  const { name, nameSource, status, statusUpdatedAt } = noted;
  const state = typeof status === "string" && Object.hasOwn(stateOf, status) ? stateOf[status] : undefined;
  return {
    // The others are derived from the folder.
    ...(typeof name === "string" && { name, isUsers: nameSource === "user" }),
    ...(state !== undefined && typeof statusUpdatedAt === "number" && { state, stateAt: statusUpdatedAt }),
  };
}

const beside = (hookEventName: string): Shape => ({ hookSpecificOutput: { hookEventName, additionalContext: MAIL } });

const decision = (permissionDecision: string, permissionDecisionReason: string, more = {}): Shape => ({
  hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision, permissionDecisionReason, ...more },
});

export const claude = {
  name: "claude",
  title: "Claude Code",

  pidVariable: "CLAUDE_PID",
  sessionVariable: "CLAUDE_CODE_SESSION_ID",
  unattended: {
    // Set anew for each process, unlike others, which a session that was started inside of another one inherits.
    server: [["CLAUDE_CODE_ENTRYPOINT", "sdk-*"]],
    hooks: [
      ["CLAUDE_CODE_SESSION_ATTENDED", "0"],
      ["CLAUDE_CODE_ENTRYPOINT", "sdk-*"],
    ],
  },
  // `claude -p`. A program may resume a session of the SDK at any time.
  endsForGood: [["CLAUDE_CODE_ENTRYPOINT", "sdk-cli"]],
  note,

  events: {
    SessionStart: {
      role: "SessionStart",
      mail: {
        hookSpecificOutput: { hookEventName: "SessionStart", watchPaths: [MAIL_FILE], additionalContext: MAIL },
      },
    },
    UserPromptSubmit: { role: "UserPromptSubmit", mail: beside("UserPromptSubmit") },
    PreToolUse: {
      role: "PreToolUse",
      mail: beside("PreToolUse"),
      // It shows its user the reason, and not the context.
      hold: decision("deny", `${MAIL_CAME_FIRST} ${REASON}`, { additionalContext: MAIL }),
      // Before 2.1.110 it ignores context.
      block: decision("deny", MAIL),
      allow: decision("allow", "CCT's own tools"),
    },
    PostToolBatch: { role: "PostToolBatch", mail: beside("PostToolBatch") },
    PermissionRequest: { role: "PermissionRequest" },
    // Context continues the turn as a reason does, but a reason would reach the model twice.
    Stop: { role: "Stop", mail: beside("Stop"), block: { decision: "block", reason: MAIL } },
    StopFailure: { role: "StopFailure" },
    SessionEnd: { role: "SessionEnd" },
    FileChanged: { role: "FileChanged", mail: MAIL },
  },
  tools: { own: "mcp__(plugin_cct_)?cct__", search: "ToolSearch", shell: "Bash" },
  // The plugin comes with its hooks, and so do entries that `cct install` made.
  hooksTell: (env) => Boolean(env.CLAUDE_PLUGIN_ROOT || env.CCT_HOOKS),

  wakes: ({ name, version }) => name !== "claude-code" || typeof version !== "string" || atLeast(version, WAKES_SINCE),

  words: {
    reconnect: "/mcp reconnect plugin:cct:cct",
    died: "Claude Code does not start it again. Mail for this session stays queued until /mcp reconnects it, or the session is resumed.",
  },
  leftFolder({ CLAUDE_PLUGIN_ROOT: folder }) {
    return folder && basename(folder) === "cct" ? folder : undefined;
  },
} satisfies Host;
