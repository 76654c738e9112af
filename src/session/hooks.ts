/**
 * The hooks where there is no cheap bash: the host calls our tool `hook` (hooks of type `mcp_tool`), and this does on the
 * spool what `plugin/hooks/mail.sh` does. The answer is what a hook would print; `{}` is silence.
 */
import { join } from "node:path";
import { homeOf } from "../platform/config.ts";
import type { World } from "../platform/world.ts";
import { readSpoolHead, readSpoolText, type SpoolHead, type Stage } from "../rules/spoolfile.ts";
import { type HookSpool, openSpoolForHook } from "./spool.ts";

/** The tool that the host's hooks call. The model need not see it. */
export const HOOK_TOOL = "hook";

/** What install writes into a hook's `input`; the host fills in `${…}`, and leaves it empty or as it is where it has nothing. */
export interface HookInput {
  event?: unknown;
  reason?: unknown;
  tool?: unknown;
  agent?: unknown;
  /** Our own tools run without a question. */
  allow?: unknown;
}

type Answer = Record<string, unknown>;

export interface HookAnswer {
  answer: Answer;
  /** To be called when the host has the answer: only then the mail counts as shown. */
  shown(): void;
}

/** At most so many turns in a row are made to go on by mail; the host ends a turn by force after eight. */
const MOST_STOPS = 3;

const OURS = /^mcp__(plugin_cct_)?cct__/;

const isId = (value: unknown): value is string => typeof value === "string" && /^[A-Za-z0-9_-]+$/.test(value);

/** Mail of a session that was woken too often: only what interrupts may start the model now. */
const isCalm = (mail: SpoolHead): boolean => mail.nowake && mail.urgency !== "interrupt";

export function createHooks(spool: HookSpool): (input: HookInput) => HookAnswer {
  let stops = 0;

  function advance(from: Stage, to: Stage): void {
    for (const file of spool.files()) if (file.stage === from) spool.setStage(file, to);
  }

  const silent: HookAnswer = { answer: {}, shown() {} };

  /** Takes the mail and hands it out; whatever is in the way of that leaves the host alone. */
  function show(event: string, to: Stage, made: (text: string) => Answer): HookAnswer {
    const file = spool.take(event);
    const text = file && readSpoolText(file.content);
    if (!file || text === undefined) return silent;
    return { answer: made(text), shown: () => spool.setStage(file, to) };
  }

  const beside = (event: string) => (text: string) => ({
    hookSpecificOutput: { hookEventName: event, additionalContext: text },
  });
  const decided = (decision: string, reason: string): Answer => ({
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      permissionDecision: decision,
      permissionDecisionReason: reason,
    },
  });
  const head = () => readSpoolHead(spool.peek() ?? "");

  function toolOver(): void {
    if (spool.commandSince() !== undefined) spool.write("tool", "over");
  }

  function beforeTool({ tool, allow }: HookInput): HookAnswer {
    advance("seen", "read");
    if (typeof tool === "string" && OURS.test(tool)) {
      return allow === "yes" ? { ...silent, answer: decided("allow", "CCT's own tools") } : silent;
    }
    // The model needs it to answer mail; what waits comes when its batch has ended.
    const mail = head();
    if (tool === "ToolSearch" || !mail || mail.urgency === "low") return silent;
    const holds = mail.urgency === "interrupt" || mail.mode === "block";
    return show("PreToolUse", "done", holds ? (text) => decided("deny", text) : beside("PreToolUse"));
  }

  function afterBatch(): HookAnswer {
    toolOver();
    // A dialog that was open has been answered.
    const before = spool.stateBeforeDialog();
    if (before !== undefined) spool.write("state", before);
    advance("seen", "read");
    advance("done", "seen");
    const mail = head();
    // Mail that shall hold a tool call back waits for one.
    if (mail?.urgency !== "normal" || mail.mode === "block") return silent;
    return show("PostToolBatch", "seen", beside("PostToolBatch"));
  }

  function stop(): HookAnswer {
    advance("seen", "read");
    advance("done", "read");
    // Idle first, then the look: mail that comes in between finds a session that can be woken.
    spool.write("state", "idle");
    toolOver();
    const mail = head();
    const goesOn = mail && mail.urgency !== "low" && !isCalm(mail) && stops < MOST_STOPS;
    const given = goesOn ? show("Stop", "seen", beside("Stop")) : silent;
    if (given === silent) stops = 0;
    else {
      stops++;
      spool.write("state", "active");
    }
    return given;
  }

  function answerTo(input: HookInput): HookAnswer {
    const { event, reason, agent } = input;
    // Mail is for the session itself, not for its subagents.
    const isAgents = isId(agent);
    if (event === "PreToolUse" && input.tool === "Bash") spool.write("tool", "running");
    switch (event) {
      case "PreToolUse":
        return isAgents ? silent : beforeTool(input);
      case "PostToolBatch":
        return isAgents ? silent : afterBatch();
      case "UserPromptSubmit":
        spool.write("state", "active");
        toolOver();
        stops = 0;
        return show("UserPromptSubmit", "seen", beside("UserPromptSubmit"));
      case "Stop":
        return stop();
      case "StopFailure":
        spool.write("state", "idle");
        return silent;
      case "PermissionRequest":
        // Whoever asks, the dialog holds the user's session.
        if (spool.state() !== "ended") spool.write("state", `blocked ${spool.state() === "idle" ? "idle" : "active"}`);
        return silent;
      case "SessionEnd":
        if (reason !== "clear" && reason !== "resume") spool.write("state", "ended");
        return silent;
      default:
        return silent;
    }
  }

  return (input) => {
    try {
      return answerTo(input);
    } catch {
      // A spool that cannot be used: the host goes on, and a hook that fails would be told to its user at every step.
      return silent;
    }
  };
}

/**
 * The two hooks that cannot be calls of a tool, as a program of their own (`cct hook <event>`): when the session starts the
 * host has no servers yet, and only a command can wake. They run once per session and once per mail, so that the start of
 * node, a tenth of a second, is no matter. Answers with the exit status: 2 wakes, and nothing else does.
 */
export function runHook(world: World, input: string): number {
  const [, event] = world.argv;
  const spool = openSpoolForHook(homeOf(world), Number(world.env.CLAUDE_PID) || world.ppid, world);
  if (event === "FileChanged") return wake(world, spool);
  if (event !== "SessionStart") return 0;
  const { session_id, source }: Record<string, unknown> = JSON.parse(input);
  if (isId(session_id)) spool.write("session", session_id);
  if (source !== "compact") spool.write("state", "idle");
  const hookSpecificOutput = { hookEventName: event, watchPaths: [join(spool.folder, "mail")] };
  process.stdout.write(`${JSON.stringify({ hookSpecificOutput })}\n`);
  return 0;
}

function wake({ env }: World, spool: HookSpool): number {
  // Without a person at a terminal the host drops what a wake says.
  if (env.CLAUDE_CODE_SESSION_ATTENDED === "0" || env.CLAUDE_CODE_ENTRYPOINT?.startsWith("sdk-")) return 0;
  const mail = readSpoolHead(spool.peek() ?? "");
  const state = spool.state();
  if (!mail || mail.urgency === "low" || state === "ended" || isCalm(mail)) return 0;
  if ((state === "active" || state === "blocked") && !mail.late) return 0;
  const file = spool.take("FileChanged");
  const text = file && readSpoolText(file.content);
  if (!file || text === undefined) return 0;
  process.stderr.write(text);
  spool.setStage(file, "done");
  return 2;
}
