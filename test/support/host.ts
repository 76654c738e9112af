/**
 * Stands in for Claude Code: a parent process with the real session server as its child, spoken to over stdio, and the
 * real hooks, run as `hooks.json` names them. The parent starts its session server again when a signal killed it.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { readIfThere } from "../../src/platform/files.ts";
import { isAlive } from "../../src/platform/process.ts";
import { STRUCTURED } from "../../src/rules/toolinput.ts";
import { atEnd } from "./cleanup.ts";
import { root } from "./folders.ts";
import { until } from "./wait.ts";

/** So long that only a hang exceeds it, also on a loaded machine. */
const ANSWER_MS = 120_000;

export interface HookRun {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

interface ToolAnswer {
  isError: boolean;
  text: string;
  structured: Record<string, unknown>;
}

export interface HostOptions {
  env?: Record<string, string>;
  cwd?: string;
  plugin?: string;
  /** Wraps the command line, without a process in between. */
  within?: (command: readonly string[]) => [string, string[]];
  /** How the host introduces itself. */
  client?: { name: string; version: string };
  /** The agent, as `cct mcp --host` names it. */
  agent?: string;
  /** Shell commands that the host process runs before it starts its session server. */
  before?: string;
}

export interface TestHost {
  /** What hooks see as the host's process id. */
  pid: number;
  spool: string;
  /** The session server's pid now. */
  serverPid(): number;
  /** Waits until its parent has started another session server than `pid`. */
  restarted(pid: number): Promise<void>;
  initialized: Record<string, unknown>;
  /** What the session server said on standard error: the host's log. */
  stderr(): string;
  request(method: string, params?: Record<string, unknown>): Promise<Record<string, unknown>>;
  tool(name: string, input?: Record<string, unknown>): Promise<ToolAnswer>;
  /** Resolves when the session is registered. */
  ready(): Promise<void>;
  hook(event: string, fields?: Record<string, unknown>, options?: HookOptions): Promise<HookRun>;
  /** Runs the hook until it says something: the session server may be just adding to the mail, which then comes later. */
  given(event: string, fields?: Record<string, unknown>): Promise<HookRun>;
  /** Shakes hands again: with a server that the parent has started anew. */
  handshake(): Promise<void>;
  mail(): Promise<string>;
  /** Closes the server's input, as the host does at its end, and waits. */
  end(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface HookOptions {
  env?: Record<string, string | undefined>;
  /** Kills the hook after so many milliseconds. */
  killAfter?: number;
  /** Replaces the JSON on standard input. */
  stdin?: string;
  /** Where the session works now. */
  cwd?: string;
}

/** Starts a host with a session server; the handshake is done when this resolves. */
export async function startHost(home: string, name: string, options: HostOptions = {}): Promise<TestHost> {
  const plugin = options.plugin ?? join(root, "plugin");
  // No broker that a session starts takes the port of a broker of this machine.
  const own = { PATH: process.env.PATH, HOME: join(home, ".."), CCT_HOME: home, CCT_PORT: "0", CCT_NAME: name };
  const env = { ...own, ...options.env };
  // `while`: a server that was killed by a signal is started again under the same parent; one that ended well is not.
  const script = `${options.before ?? ":"}; while "$@"; (($? > 128)); do :; done`;
  const command = ["bash", "-c", script, "host", process.execPath, join(root, "dist/bin.js"), "mcp"];
  if (options.agent !== undefined) command.push("--host", options.agent);
  const [program, args] = options.within?.(command) ?? ["bash", command.slice(1)];
  const child = spawn(program, args, {
    cwd: options.cwd ?? root,
    env,
    stdio: "pipe",
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const pid = child.pid ?? 0;
  const spool = join(home, "spool", String(pid));
  let id = 0;
  const waiting = new Map<number, { answered(answer: Record<string, unknown>): void; failed(error: Error): void }>();
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => {
      for (const { failed } of waiting.values()) failed(new Error("the host has ended"));
      resolve();
    });
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    let answer: Record<string, unknown>;
    try {
      answer = JSON.parse(line);
    } catch {
      // The rest of a line that a killed server had begun.
      return;
    }
    if (typeof answer.id !== "number") return;
    waiting.get(answer.id)?.answered(answer);
    waiting.delete(answer.id);
  });
  child.stdin.on("error", () => {});

  function request(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    id++;
    const mine = id;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => failed(new Error(`no answer to ${method}`)), ANSWER_MS);
      const failed = (error: Error): void => {
        clearTimeout(timer);
        waiting.delete(mine);
        reject(error);
      };
      const answered = (answer: Record<string, unknown>): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      waiting.set(mine, { answered, failed });
      child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: mine, method, params })}\n`);
    });
  }

  async function handshake(): Promise<void> {
    for (const { failed } of waiting.values()) failed(new Error("the server was killed"));
    const answer = await request("initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: options.client ?? { name: "test", version: "1" },
    });
    host.initialized = answer.result as Record<string, unknown>;
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })}\n`);
  }

  const host: TestHost = {
    pid,
    spool,
    initialized: {},
    stderr: () => stderr,
    request,
    handshake,
    serverPid() {
      return Number(readFileSync(join(spool, "server"), "utf8").split(" ")[0]);
    },
    async restarted(pid) {
      // While one server follows another there may be no note of it.
      await until(
        "another server runs",
        () => ![0, pid].includes(Number(readIfThere(join(spool, "server"))?.split(" ")[0] ?? 0)),
      );
    },
    async tool(name, input = {}) {
      const { result } = await request("tools/call", { name, arguments: input, _meta: { [STRUCTURED]: true } });
      const answer = result as { isError?: boolean; content: { text: string }[]; structuredContent?: object };
      return {
        isError: answer.isError ?? false,
        text: answer.content.map((part) => part.text).join("\n"),
        structured: { ...answer.structuredContent },
      };
    },
    async ready() {
      await until(`${name} is registered`, () => existsSync(join(home, "pidmaps", String(pid))));
    },
    hook: (event, fields = {}, hookOptions = {}) =>
      runHook(plugin, { ...env, CLAUDE_PID: String(pid) }, event, fields, {
        cwd: options.cwd ?? root,
        ...hookOptions,
      }),
    given: (event, fields) =>
      until(`${event} gives mail`, async () => {
        const run = await host.hook(event, fields);
        return run.stdout || run.stderr ? run : undefined;
      }),
    mail: () =>
      until(
        "mail lies in the spool",
        // The session server may be just adding to it.
        () => readIfThere(join(spool, "mail")) || undefined,
      ),
    async end() {
      child.stdin.end();
      await exited;
    },
    kill: (signal) => void child.kill(signal),
  };
  atEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    // Not there before it serves, nor when it has just ended.
    const server = Number(readIfThere(join(spool, "server"))?.split(" ")[0] ?? 0);
    // The parent first, else it would start another server.
    child.kill("SIGKILL");
    child.stdin.destroy();
    await exited;
    await until(`the session server of ${name} has ended`, () => server === 0 || !isAlive(server));
  });
  await handshake();
  return host;
}

interface HookEntry {
  hooks: { command: string; args: string[] }[];
}

/** Runs the hook of an event with the given input, as the host does; `Waiter` is the one that Stop starts beside its own. */
export function runHook(
  plugin: string,
  env: Record<string, string | undefined>,
  event: string,
  fields: Record<string, unknown>,
  options: HookOptions = {},
): Promise<HookRun> {
  const { hooks } = JSON.parse(readFileSync(join(root, "plugin/hooks/hooks.json"), "utf8"));
  const entries: HookEntry[] = hooks[event === "Waiter" ? "Stop" : event];
  const hook = entries.flatMap((entry) => entry.hooks).find((one) => one.args.at(-1) === event);
  if (!hook) throw new Error(`no hook for ${event}`);
  const args = hook.args.map((arg) => arg.replaceAll("${CLAUDE_PLUGIN_ROOT}", plugin));
  return new Promise((resolve, reject) => {
    const child = spawn(hook.command, args, {
      env: { ...env, CLAUDE_PLUGIN_ROOT: plugin, ...options.env },
      stdio: "pipe",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const run: HookRun = { status: null, signal: null, stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      run.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      run.stderr += text;
    });
    child.stdin.on("error", () => {});
    child.once("error", reject);
    child.once("close", (status, signal) => resolve({ ...run, status, signal }));
    child.stdin.end(
      options.stdin ?? JSON.stringify({ session_id: "s-1", cwd: "/", hook_event_name: event, ...fields }),
    );
    if (options.killAfter !== undefined) setTimeout(() => child.kill("SIGKILL"), options.killAfter);
  });
}

/** The names of the files in a spool, temporary ones left out. */
export function filesIn(spool: string): string[] {
  return readdirSync(spool).filter((name) => !name.startsWith("."));
}
