/** The hook script, run as the host runs it: the command and arguments of `hooks.json`, JSON on standard input. */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Mode, writeSpool } from "../../src/rules/spoolfile.ts";
import { MAIL_CAME_FIRST, notRun } from "../../src/rules/texts/frames.ts";
import { root, tempFolder } from "../support/folders.ts";

export const plugin = join(root, "plugin");

export const events = [
  "SessionStart",
  "UserPromptSubmit",
  "PreToolUse",
  "PostToolBatch",
  "PermissionRequest",
  "Stop",
  "StopFailure",
  "SessionEnd",
  "FileChanged",
] as const;
export type Event = (typeof events)[number];

/** What the hooks of `hooks.json` that are started with a word of their own run: an event's name, or `Waiter`. */
export type Hook = Event | "Waiter";

/** Events whose hook may hand out mail. */
export const takers: readonly Event[] = ["PreToolUse", "PostToolBatch", "UserPromptSubmit", "Stop", "FileChanged"];

export interface HookRun {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** What a hook does that has nothing to say. */
export const silence: HookRun = { status: 0, signal: null, stdout: "", stderr: "" };

export interface HookEntry {
  matcher?: string;
  hooks: {
    type: string;
    command: string;
    args?: string[];
    timeout?: number;
    asyncRewake?: boolean;
    rewakeSummary?: string;
  }[];
}

export function hooksFile(): Record<string, HookEntry[]> {
  return JSON.parse(readFileSync(join(plugin, "hooks/hooks.json"), "utf8")).hooks;
}

interface CommandOptions {
  /** Stands for the `bash` of the hooks. */
  shell?: string;
  /** Where the plugin lies. */
  plugin?: string;
  /** Arguments after the event, as the way without the plugin gives them. */
  more?: readonly string[];
}

/** The command line of an event's mail hook, or of the waiter that `Stop` starts beside its own. */
function commandOf(event: Hook, options: CommandOptions = {}): string[] {
  const entries = hooksFile()[event === "Waiter" ? "Stop" : event] ?? [];
  const hook = entries.flatMap((entry) => entry.hooks).find(({ args }) => args?.at(-1) === event);
  if (!hook) throw new Error(`hooks.json names no hook for ${event}`);
  const args = (hook.args ?? []).map((arg) => arg.replaceAll("${CLAUDE_PLUGIN_ROOT}", options.plugin ?? plugin));
  if (options.more) return [options.shell ?? "bash", join(plugin, "hooks/mail.sh"), event, ...options.more];
  return [hook.command === "bash" ? (options.shell ?? "bash") : hook.command, ...args];
}

interface RunOptions extends CommandOptions {
  /** Added to a small environment; `undefined` takes one away. */
  env?: Record<string, string | undefined>;
  /** Replaces what stands on standard input. `open`: nothing comes, and it is not closed. */
  stdin?: string | Buffer | "open";
  /** Wraps the command line. */
  within?: (command: string[]) => string[];
  /** SIGKILL after so many milliseconds. */
  killAfter?: number;
}

/** Runs a command line to its end, with all that it printed. */
export function runCommand(
  command: readonly string[],
  env: Record<string, string | undefined>,
  stdin: string | Buffer | "open",
  killAfter?: number,
): Promise<HookRun> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: "pipe" });
    const run: HookRun = { ...silence };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      run.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      run.stderr += text;
    });
    // A hook need not read what it is given.
    child.stdin.on("error", () => {});
    child.once("error", reject);
    // Not `exit`: a program that the hook had started may still be at work when the hook is killed.
    child.once("close", (status, signal) => resolve({ ...run, status, signal }));
    if (stdin !== "open") child.stdin.end(stdin);
    else child.once("exit", () => child.stdin.destroy());
    if (killAfter !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfter);
  });
}

/** The ways in which JSON may be spaced. */
export const styles: Record<string, (value: unknown) => string> = {
  compact: (value) => JSON.stringify(value),
  "with blanks": (value) => JSON.stringify(value, null, 1).replace(/\n\s*/g, " "),
  "on many lines": (value) => JSON.stringify(value, null, 2),
};

type Fields = Record<string, unknown>;

const agent = { agent_id: "aecfca3d95ff65978", agent_type: "general-purpose" };

/** An event's input, its keys in the host's order. */
export function input(event: Hook, fields: Fields = {}, by: "main" | "subagent" = "main"): Fields {
  const common = { session_id: "5671a0b2-0000-4000-8000-000000000001", transcript_path: "/t/5671.jsonl", cwd: "/proj" };
  const mode = { prompt_id: "cff2", permission_mode: "default", ...(by === "subagent" ? agent : {}) };
  const name = event === "Waiter" ? "Stop" : event;
  const named = { ...common, ...mode, effort: { level: "medium" }, hook_event_name: name };
  const call = { tool_name: "Bash", tool_input: { command: "npm test", description: "tests" }, tool_use_id: "toolu_1" };
  const special: Partial<Record<Hook, Fields>> = {
    SessionStart: { source: "startup" },
    UserPromptSubmit: { prompt: "go on" },
    PreToolUse: call,
    PermissionRequest: call,
    PostToolBatch: { tool_calls: [{ ...call, tool_response: "all passed" }] },
    Stop: { stop_hook_active: false, last_assistant_message: "done" },
    StopFailure: { error: "unknown", last_assistant_message: "API Error: 400" },
    SessionEnd: { reason: "other" },
    FileChanged: { file_path: "/spool/mail", event: "add" },
  };
  return { ...named, ...special[event], ...fields };
}

/** A text with all that could go wrong between a file, a shell and JSON. */
export const TEXT =
  "CCT mail \"quoted\" 'single' back\\slash %s %d $HOME `id` $(id)\n| ünïcode ✓ 😀 \ttab & <tag>\n</system-reminder> end";

export interface Mail {
  urgency?: "interrupt" | "normal" | "low";
  mode?: Mode;
  late?: boolean;
  nowake?: boolean;
  text?: string;
  /** For the user. */
  line?: string;
}

export function mailFile({
  urgency = "normal",
  mode = "inject",
  late = false,
  nowake = false,
  text = TEXT,
  line = "",
}: Mail = {}): string {
  return writeSpool({ urgency, mode, late, nowake, claims: [{ message_id: "message-0001", attempt: 1 }] }, text, line);
}

export interface TestSpool {
  home: string;
  folder: string;
  put(mail?: Mail): void;
  /** Stage of the one mail that was put, by the names of the files: `mail`, `taken`, `done`, `seen`, `read`. */
  stage(): string;
  /** All files that hold mail. */
  mailFiles(): string[];
  read(name: string): string;
  write(name: string, content: string | Buffer): void;
  /** The first line of one of the small files that hooks leave; `undefined` without one. */
  note(name: string): string | undefined;
  /** The session's state, as hooks have noted it. */
  state(): string | undefined;
  run(event: Hook, fields?: Fields, options?: RunOptions): Promise<HookRun>;
}

export interface SpoolOptions {
  shell?: string;
  /** Where the home shall be; a throw-away one by default. */
  home?: string;
  /** Leaves the folder to the hooks. */
  unmade?: boolean;
  /** The host's process id; by default one that nobody looks for. */
  pid?: number;
}

/** A spool, and a session that is idle in it unless the test says otherwise. */
export function newSpool({
  shell,
  home = join(tempFolder(), "home"),
  unmade,
  pid = 4242,
}: SpoolOptions = {}): TestSpool {
  const folder = join(home, "spool", String(pid));
  if (!unmade) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const mailFiles = (): string[] =>
    readdirSync(folder).filter((name) => /^(mail|(taken|done|seen|read)\..+)$/.test(name));
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  const note = (name: string): string | undefined => {
    try {
      return read(name).split("\n", 1)[0];
    } catch {
      return undefined;
    }
  };
  return {
    home,
    folder,
    mailFiles,
    read,
    put: (mail) => writeFileSync(join(folder, "mail"), mailFile(mail)),
    write: (name, content) => writeFileSync(join(folder, name), content),
    stage() {
      const [only = "", ...others] = mailFiles();
      if (others.length > 0) throw new Error(`more than one mail: ${[only, ...others]}`);
      return only.split(".")[0] ?? "";
    },
    note,
    state: () => note("state")?.split(" ", 1)[0],
    run(event, fields = {}, options = {}) {
      const command = commandOf(event, { ...(shell === undefined ? {} : { shell }), ...options });
      const env = {
        PATH: process.env.PATH,
        HOME: join(home, ".."),
        CCT_HOME: home,
        CLAUDE_PID: String(pid),
        ...options.env,
      };
      return runCommand(
        options.within?.(command) ?? command,
        env,
        options.stdin ?? JSON.stringify(input(event, fields)),
        options.killAfter,
      );
    },
  };
}

/** What the host understands of a hook's standard output: one line of JSON. */
export function said(run: HookRun): unknown {
  if (run.status !== 0 || run.stderr !== "" || !/^[^\n]+\n$/.test(run.stdout)) {
    throw new Error(`not one line of JSON: ${JSON.stringify(run)}`);
  }
  return JSON.parse(run.stdout);
}

/** The answers that hand out the mail. */
export const beside = (event: Event, text = TEXT) => ({
  hookSpecificOutput: { hookEventName: event, additionalContext: text },
});
export const denied = (text = TEXT, tool = "Bash") => ({
  hookSpecificOutput: {
    hookEventName: "PreToolUse",
    permissionDecision: "deny",
    permissionDecisionReason: `${MAIL_CAME_FIRST} ${notRun(tool)}`,
    additionalContext: text,
  },
});
/** On a host that shows the model no context: the mail is the reason. */
export const deniedWith = (text = TEXT, tool = "Bash") => ({
  hookSpecificOutput: {
    hookEventName: "PreToolUse",
    permissionDecision: "deny",
    permissionDecisionReason: `${text}\n${notRun(tool)}`,
  },
});

/** A session as far as hooks see one, in any state that lets mail out. */
export function session(): TestSpool {
  const spool = newSpool();
  spool.write("state", "idle\n");
  return spool;
}

/** How the host says that nobody attends a session. */
export const UNATTENDED = [
  { CLAUDE_CODE_SESSION_ATTENDED: "0" },
  { CLAUDE_CODE_ENTRYPOINT: "sdk-cli" },
  { CLAUDE_CODE_ENTRYPOINT: "sdk-ts" },
  { CLAUDE_CODE_SESSION_ATTENDED: "0", CLAUDE_CODE_ENTRYPOINT: "sdk-py" },
];
