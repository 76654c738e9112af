/**
 * Hooks for systems without bash: the host calls our tool `hook` (hooks of type `mcp_tool`), which does the same on the spool
 * as `plugin/hooks/mail.sh`. The answer is what the script would print; `{}` stands for no output.
 */
import { isAbsolute, join } from "node:path";
import { homeOf } from "../platform/config.ts";
import { parsePid } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import { readSpoolHead, readSpoolText, type SpoolHead, type Stage } from "../rules/spoolfile.ts";
import { type HookSpool, openSpoolForHook } from "./spool.ts";

/** The tool that the host's hooks call. It is not listed for the model. */
export const HOOK_TOOL = "hook";

/** A hook's `input` as install writes it. The host fills in `${…}`; without a value it leaves it empty or unchanged. */
export interface HookInput {
  event?: unknown;
  reason?: unknown;
  tool?: unknown;
  agent?: unknown;
  cwd?: unknown;
  /** `yes`: our own tools need no permission. */
  allow?: unknown;
}

type Answer = Record<string, unknown>;

export interface HookAnswer {
  answer: Answer;
  /** Call once the host has the answer: only then the mail counts as shown. */
  shown(): void;
}

/** How many turns in a row mail may continue. The host ends a turn after eight. */
const MAX_CONTINUED = 3;

const OWN_TOOL = /^mcp__(plugin_cct_)?cct__/;

const isId = (value: unknown): value is string => typeof value === "string" && /^[A-Za-z0-9_-]+$/.test(value);

/** The session was woken too often: only interrupts may start its model now. */
const mustNotWake = (mail: SpoolHead): boolean => mail.nowake && mail.urgency !== "interrupt";

export function createHooks(spool: HookSpool): (input: HookInput) => HookAnswer {
  let continued = 0;

  function advance(from: Stage, to: Stage): void {
    for (const file of spool.files()) if (file.stage === from) spool.setStage(file, to);
  }

  const silent: HookAnswer = { answer: {}, shown() {} };

  /** Takes the mail and answers with it. Silent when there is none, or when the file is damaged. */
  function show(event: string, to: Stage, answerWith: (text: string) => Answer): HookAnswer {
    const file = spool.take(event);
    const text = file && readSpoolText(file.content);
    if (!file || text === undefined || !spool.has(file)) return silent;
    return { answer: answerWith(text), shown: () => spool.setStage(file, to) };
  }

  const context = (event: string) => (text: string) => ({
    hookSpecificOutput: { hookEventName: event, additionalContext: text },
  });
  const decision = (permissionDecision: string, reason: string): Answer => ({
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      permissionDecision,
      permissionDecisionReason: reason,
    },
  });
  const head = () => readSpoolHead(spool.peek() ?? "");

  function noteDirectory({ cwd }: HookInput): void {
    if (typeof cwd === "string" && isAbsolute(cwd) && cwd !== spool.directory()) spool.write("cwd", cwd);
  }

  function endCommand(): void {
    if (spool.commandSince() !== undefined) spool.write("tool", "over");
  }

  function beforeTool({ tool, allow }: HookInput): HookAnswer {
    advance("seen", "read");
    if (typeof tool === "string" && OWN_TOOL.test(tool)) {
      return allow === "yes" ? { ...silent, answer: decision("allow", "CCT's own tools") } : silent;
    }
    // The model needs ToolSearch to answer mail. Mail that waits comes when the batch has ended.
    const mail = head();
    if (tool === "ToolSearch" || !mail || mail.urgency === "low") return silent;
    const denies = mail.urgency === "interrupt" || mail.mode === "block";
    return show("PreToolUse", "done", denies ? (text) => decision("deny", text) : context("PreToolUse"));
  }

  function afterBatch(): HookAnswer {
    endCommand();
    // The permission dialog that was open has been answered.
    const before = spool.stateBeforeDialog();
    if (before !== undefined) spool.write("state", before);
    advance("seen", "read");
    advance("done", "seen");
    const mail = head();
    // Mail that denies a tool call waits for one.
    if (mail?.urgency !== "normal" || mail.mode === "block") return silent;
    return show("PostToolBatch", "seen", context("PostToolBatch"));
  }

  function stop(input: HookInput): HookAnswer {
    noteDirectory(input);
    advance("seen", "read");
    advance("done", "read");
    // Idle first, then look for mail: mail that comes in between finds a session that it can wake.
    spool.write("state", "idle");
    endCommand();
    const mail = head();
    const continues = mail && mail.urgency !== "low" && !mustNotWake(mail) && continued < MAX_CONTINUED;
    const given = continues ? show("Stop", "seen", context("Stop")) : silent;
    if (given === silent) continued = 0;
    else {
      continued++;
      spool.write("state", "active");
    }
    return given;
  }

  function openDialog(): void {
    const state = spool.state();
    if (state !== "ended" && state !== "blocked")
      spool.write("state", `blocked ${state === "idle" ? "idle" : "active"}`);
  }

  function answerTo(input: HookInput): HookAnswer {
    const { event, reason, agent } = input;
    // Mail is for the main agent.
    const isSubagent = isId(agent);
    if (event === "PreToolUse" && input.tool === "Bash") spool.write("tool", "running");
    switch (event) {
      case "PreToolUse":
        return isSubagent ? silent : beforeTool(input);
      case "PostToolBatch":
        return isSubagent ? silent : afterBatch();
      case "UserPromptSubmit":
        noteDirectory(input);
        spool.write("state", "active");
        endCommand();
        continued = 0;
        return show("UserPromptSubmit", "seen", context("UserPromptSubmit"));
      case "Stop":
        return stop(input);
      case "StopFailure":
        spool.write("state", "idle");
        return silent;
      case "PermissionRequest":
        // A subagent's dialog blocks the user's session as well.
        openDialog();
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
      // Fail open: the host would show the user an error at every step.
      return silent;
    }
  };
}

/**
 * The two hooks that cannot be tool calls, as a program (`cct hook <event>`): at SessionStart the host has no servers yet, and
 * only a command can wake a session. They run once per session and once per mail, so the 100 ms that node needs to start do
 * not matter. Returns the exit status: 2 wakes the session.
 */
export function runHook(world: World, input: string): number {
  const [, event] = world.argv;
  const spool = openSpoolForHook(homeOf(world), parsePid(world.env.CLAUDE_PID) ?? world.ppid, world);
  if (event === "FileChanged") return wake(world, spool);
  if (event !== "SessionStart") return 0;
  const { session_id, source, cwd }: Record<string, unknown> = JSON.parse(input);
  if (isId(session_id)) spool.write("session", session_id);
  if (source !== "compact") spool.write("state", "idle");
  if (typeof cwd === "string" && isAbsolute(cwd)) spool.write("cwd", cwd);
  const hookSpecificOutput = { hookEventName: event, watchPaths: [join(spool.folder, "mail")] };
  process.stdout.write(`${JSON.stringify({ hookSpecificOutput })}\n`);
  return 0;
}

function wake({ env }: World, spool: HookSpool): number {
  // Without a person at a terminal the host ignores what a wake prints.
  if (env.CLAUDE_CODE_SESSION_ATTENDED === "0" || env.CLAUDE_CODE_ENTRYPOINT?.startsWith("sdk-")) return 0;
  const mail = readSpoolHead(spool.peek() ?? "");
  const state = spool.state();
  if (!mail || mail.urgency === "low" || state === "ended" || mustNotWake(mail)) return 0;
  if ((state === "active" || state === "blocked") && !mail.late) return 0;
  const file = spool.take("FileChanged");
  const text = file && readSpoolText(file.content);
  // Right before printing: a hook that stood still for long has lost its mail, which came again meanwhile, marked.
  if (!file || text === undefined || !spool.has(file)) return 0;
  process.stderr.write(text);
  spool.setStage(file, "done");
  return 2;
}
