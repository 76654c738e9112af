/** GitHub Copilot CLI. Tried with 1.0.102: `test/host/copilot.test.ts`. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { homeOf } from "../platform/config.ts";
import { readIfThere, readTrusted } from "../platform/files.ts";
import { paths } from "../platform/home.ts";
import { isAlive, parsePid } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import { WAKE } from "../rules/texts/frames.ts";
import { BELL, ringBell } from "./copilot-bell.ts";
import { type Host, type HostNote, MAIL, type Place, type Shape } from "./host.ts";

/** `~/.copilot`, or `$COPILOT_HOME`. */
export const copilotFolder = ({ env, cwd }: Pick<World, "env" | "cwd">): string =>
  env.COPILOT_HOME ? resolve(cwd, env.COPILOT_HOME) : join(env.HOME || homedir(), ".copilot");

const CONVERSATION = "COPILOT_AGENT_SESSION_ID";

/** Answers with one key, at the top. */
const beside: Shape = { additionalContext: MAIL };

/** Of `PermissionRequest`, which it runs also where its user is not asked: our own tools need no leave. */
export const ownTools = { matcher: "^cct/cct_[a-z_]+$", answer: { behavior: "allow" } };

/** No hook runs after Escape, and after a permission was denied. It is blocked, too, while it works. */
function note(place: Place): HostNote {
  try {
    const all = Object(JSON.parse(readIfThere(join(copilotFolder(place), "open-sessions-state.json")) ?? "{}"));
    const { working, refreshedAt } = Object(all[place.env[CONVERSATION] ?? ""]);
    const stateAt = Date.parse(refreshedAt);
    return working === false && Number.isFinite(stateAt) ? { state: "idle", stateAt } : {};
  } catch {
    return {};
  }
}

const spoolOf = (place: Place): string => paths(homeOf(place)).spool(place.ppid);

/** The user has to turn extensions on, and then one of ours runs beside the session. */
function hasBell(place: Place): boolean {
  const pid = parsePid(readTrusted(join(spoolOf(place), BELL.bell))?.split(" ")[0]);
  return pid !== undefined && isAlive(pid);
}

export const copilot = {
  name: "copilot",
  title: "Copilot CLI",

  // It restarts its servers at /clear and /resume.
  sessionVariable: CONVERSATION,
  serverNamesConversation: true,
  // `copilot -p`: what a terminal's sessions have.
  unattended: { server: [["COPILOT_LOADER_PID", ""]], hooks: [["COPILOT_LOADER_PID", ""]] },
  endsForGood: [],
  note,

  // With these names of events it speaks as Claude Code does, except for the answers.
  subagentHooks: true,
  events: {
    SessionStart: { role: "SessionStart", mail: beside },
    UserPromptSubmit: { role: "UserPromptSubmit", mail: beside },
    // Context would be a message of the user. All of a request run before its first tool.
    PreToolUse: {
      role: "PreToolUse",
      hold: {
        hookSpecificOutput: {
          hookEventName: "PreToolUse",
          permissionDecision: "deny",
          permissionDecisionReason: MAIL,
        },
      },
    },
    PostToolUse: { role: "PostToolUse", mail: beside },
    PostToolUseFailure: { role: "PostToolUse", mail: beside },
    Notification: { role: "PermissionRequest", matcher: "permission_prompt" },
    // The reason is the user's next prompt, and the hook of that brings the mail.
    Stop: { role: "Stop", ring: { decision: "block", reason: WAKE.rewakeSummary } },
  },
  tools: { own: "cct-cct_", search: "tool_search", shell: "Bash" },
  hooksTell: (env) => Boolean(env.CCT_HOOKS),

  wakes: (_client, place) => hasBell(place),
  ring: (world, conversation) => ringBell(spoolOf(world), world.newId, conversation),

  words: {
    died: "Copilot CLI starts it again with /mcp reload. Mail for this session stays queued until then.",
  },
} satisfies Host;
