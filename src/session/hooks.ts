/**
 * Hooks for systems without bash: the host calls our tool `hook` (hooks of type `mcp_tool`), which does the same on the spool
 * as `plugin/hooks/mail.sh`. The answer is what the script would print; `{}` stands for no output.
 */
import { isAbsolute } from "node:path";
import { eventOf, filled, type Host, holds, type Role, type Shape } from "../hosts/host.ts";
import { homeOf } from "../platform/config.ts";
import { parsePid } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import { mayWake, parsedString, readSpoolHead, readSpoolTexts, type Stage } from "../rules/spoolfile.ts";
import { LONG_MAIL, notRun } from "../rules/texts/frames.ts";
import { instructions } from "../rules/texts/instructions.ts";
import { type HookSpool, openSpoolForHook } from "./spool.ts";

/** The tool that the host's hooks call. It is not listed for the model. */
export const HOOK_TOOL = "hook";

/** A hook's `input` as install writes it. The host fills in `${…}`; without a value it leaves it empty or unchanged. */
export interface HookInput {
  event?: unknown;
  reason?: unknown;
  tool?: unknown;
  agent?: unknown;
  /** The conversation; of a subagent's call the one that it works for. */
  session?: unknown;
  cwd?: unknown;
  /** The input of a tool that its user is asked about, as JSON. */
  input?: unknown;
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

const isId = (value: unknown): value is string => typeof value === "string" && /^[A-Za-z0-9_-]+$/.test(value);

const toolName = (value: unknown): string =>
  typeof value === "string" && /^[\w.-]{1,100}$/.test(value) ? value : "tool";

export const conversationIn = ({ session }: HookInput): string | undefined => (isId(session) ? session : undefined);

/** Mail is for the main agent. `own`: the conversation in which the call was made, where the host says it. */
export const isOfSubagent = (input: HookInput, own: string | undefined): boolean =>
  isId(input.agent) || (own !== undefined && conversationIn(input) !== undefined && input.session !== own);

/** `unattended`: the program's output is what the session says last, and mail must not change it. */
export function createHooks(
  spool: HookSpool,
  unattended: boolean,
  host: Host,
): (input: HookInput, isMain?: boolean) => HookAnswer {
  let continued = 0;
  /** The host tells when the model is asked; elsewhere what comes with a prompt or a turn's end is in view at the next hook. */
  const tellsRequests = eventOf(host, "PreModelRequest") !== undefined;
  const withTurn: Stage = tellsRequests ? "done" : "seen";
  /** Mail that is too long for this host: its model was told that it waits. */
  let named: string | undefined;
  const ownTool = new RegExp(`^${host.tools.own}`);

  function advance(from: Stage, to: Stage): void {
    for (const file of spool.files()) if (file.stage === from) spool.setStage(file, to);
  }

  const silent: HookAnswer = { answer: {}, shown() {} };

  /** Takes the mail and answers with it. Silent when there is none, when the file is damaged, or when the host would drop it. */
  function show(
    role: Role,
    to: Stage,
    { held, earlier }: { held?: string; earlier?: string | undefined } = {},
  ): HookAnswer {
    const { mail, hold } = eventOf(host, role) ?? {};
    const shape = held === undefined ? mail : hold;
    if (!shape) return silent;
    const waiting = spool.peek() ?? "";
    if (isTooLong(waiting)) return sayLong(shape, waiting);
    const file = spool.take(role);
    const texts = file && readSpoolTexts(file.content);
    if (!file || !texts || !spool.has(file)) return silent;
    const said = filled(shape, texts.text, held === undefined ? {} : { reason: notRun(held) });
    const answer = { ...Object(said), ...userSees(earlier, texts.line) };
    return { answer, shown: () => spool.setStage(file, to) };
  }

  const isTooLong = (content: string): boolean =>
    host.maxText !== undefined && Buffer.byteLength(readSpoolTexts(content)?.text ?? "") > host.maxText;

  /** Names mail that the host would not put before the model, once. It waits for the tool that reads it. */
  function sayLong(shape: Shape, content: string): HookAnswer {
    if (named === content) return silent;
    return {
      answer: Object(filled(shape, LONG_MAIL)),
      shown() {
        named = content;
      },
    };
  }

  const userSees = (...lines: (string | undefined)[]): Answer => {
    const systemMessage = lines.filter((line) => line).join("\n");
    return systemMessage === "" ? {} : { systemMessage };
  };

  const head = () => readSpoolHead(spool.peek() ?? "");

  /** The permission dialog that was open has been answered, and the command that was running has ended. */
  function endWaits(): void {
    for (const name of ["dialog", "tool"] as const) if (spool.isNoted(name)) spool.write(name, "");
  }

  function beforeTool({ tool, allow }: HookInput): HookAnswer {
    advance("seen", "read");
    if (typeof tool === "string" && ownTool.test(tool)) {
      const leave = eventOf(host, "PreToolUse")?.allow;
      return allow === "yes" && leave ? { ...silent, answer: Object(leave) } : silent;
    }
    // The model needs the tool that finds ours to answer mail. Mail that waits comes when the batch has ended.
    const mail = head();
    if (tool === host.tools.search || !mail || mail.urgency === "low") return silent;
    const denies = mail.urgency === "interrupt" || mail.mode === "block";
    return show("PreToolUse", "done", denies ? { held: toolName(tool) } : {});
  }

  function afterBatch(): HookAnswer {
    endWaits();
    advance("seen", "read");
    advance("done", "seen");
    const mail = head();
    // Mail that denies a tool call waits for one.
    if (mail?.urgency !== "normal" || mail.mode === "block") return silent;
    return show("PostToolBatch", "seen");
  }

  function afterTool(): HookAnswer {
    endWaits();
    const mail = head();
    return mail?.urgency === "normal" && mail.mode !== "block" ? show("PostToolUse", "done") : silent;
  }

  function stop(input: HookInput): HookAnswer {
    advance("seen", "read");
    if (!tellsRequests) advance("done", "read");
    // Idle first, then look for mail: mail that comes in between finds a session that it can wake.
    spool.writeState("idle", directoryIn(input));
    endWaits();
    const mail = head();
    const may = !unattended || mail?.mode === "stop";
    const continues = mail && may && mayWake(mail) && continued < MAX_CONTINUED;
    const given = continues ? show("Stop", withTurn) : silent;
    if (given === silent) continued = 0;
    else {
      continued++;
      spool.writeState("active");
    }
    return given;
  }

  function prompt(): HookAnswer {
    // Only now the host shows its user a line about the mail that woke the session.
    const woke = parsedString(spool.wokeLine());
    if (woke) spool.write("woke", "");
    const given = show("UserPromptSubmit", withTurn, { earlier: woke });
    return given === silent ? { ...silent, answer: userSees(woke) } : given;
  }

  function answerTo(input: HookInput, isMain: boolean): HookAnswer {
    const { event, reason } = input;
    if (event === "PreToolUse" && input.tool === host.tools.shell) spool.write("tool", "running");
    switch (event) {
      case "PreToolUse":
        return isMain ? beforeTool(input) : silent;
      case "PostToolUse":
        return isMain ? afterTool() : silent;
      case "PostToolBatch":
        return isMain ? afterBatch() : silent;
      case "PreModelRequest":
        if (!isMain) return silent;
        advance("seen", "read");
        advance("done", "seen");
        return silent;
      case "UserPromptSubmit":
        spool.writeState("active", directoryIn(input));
        endWaits();
        continued = 0;
        return prompt();
      case "Stop":
        return stop(input);
      case "StopFailure":
        spool.writeState("idle");
        endWaits();
        return silent;
      case "PermissionRequest":
        // A subagent's dialog blocks the user's session as well.
        spool.write("dialog", `open ${askedFor(input)}`.trim());
        return silent;
      case "SessionEnd":
        if (reason !== "clear" && reason !== "resume") spool.writeState("ended");
        return silent;
      default:
        return silent;
    }
  }

  return (input, isMain = !isOfSubagent(input, undefined)) => {
    try {
      return answerTo(input, isMain);
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
export function runHook(world: World, host: Host, input: string): number {
  const [, event] = world.argv;
  const hostPid = host.pidVariable === undefined ? undefined : parsePid(world.env[host.pidVariable]);
  const spool = openSpoolForHook(homeOf(world), hostPid ?? world.ppid, world);
  if (event === "FileChanged") return wake(world, host, spool);
  if (event !== "SessionStart") return 0;
  const { session_id, source, cwd }: Record<string, unknown> = JSON.parse(input);
  if (isId(session_id)) spool.write("session", session_id);
  if (source !== "compact") {
    spool.writeState("idle", directoryIn({ cwd }));
    spool.write("dialog", "");
  }
  const shape = eventOf(host, "SessionStart")?.mail;
  if (shape === undefined) return 0;
  process.stdout.write(`${JSON.stringify(filled(shape, instructions(), { folder: spool.folder }))}\n`);
  // The next mail says the name.
  spool.write("instructed", "-");
  return 0;
}

function wake({ env }: World, host: Host, spool: HookSpool): number {
  // Without a person at a terminal the host ignores what a wake prints.
  if (holds(env, host.unattended.hooks)) return 0;
  const mail = readSpoolHead(spool.peek() ?? "");
  const state = spool.state();
  if (!mail || state === "ended" || !mayWake(mail)) return 0;
  if ((state === "active" || state === "blocked") && !mail.late) return 0;
  const file = spool.take("FileChanged");
  const texts = file && readSpoolTexts(file.content);
  // Right before printing: a hook that stood still for long has lost its mail, which came again meanwhile, marked.
  if (!file || !texts || !spool.has(file)) return 0;
  try {
    if (texts.line) spool.write("woke", JSON.stringify(texts.line));
  } catch {
    // The disk is full: the user sees no line about this mail, but the model gets it.
  }
  process.stderr.write(texts.text);
  spool.setStage(file, "done");
  return 2;
}

/** As `mail.sh` keeps it. */
function askedFor({ tool, input }: HookInput): string {
  if (typeof tool !== "string") return "";
  const json = typeof input === "string" ? input.replace(/[\r\n]/g, " ") : "{}";
  return `"tool_name":${JSON.stringify(tool)},"tool_input":${json}`.slice(0, 4_000);
}

/** The session's directory, as hosts report it. */
const directoryIn = ({ cwd }: { cwd?: unknown }): string | undefined =>
  typeof cwd === "string" && isAbsolute(cwd) ? cwd : undefined;
