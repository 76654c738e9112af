/**
 * Stands in for Claude Code where there is none: a parent process with a real session server, driven over stdio as the
 * host would, and the real hook script, run as the host would. The demo and the doctor's probe use it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CctError } from "../../platform/errors.ts";
import { paths } from "../../platform/home.ts";
import type { World } from "../../platform/world.ts";

const PATIENCE_MS = 15_000;

interface HookResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface StandIn {
  /** Resolves when the session server has answered the handshake. */
  ready: Promise<void>;
  /** The pid that stands for the host's. */
  pid: number;
  /** Calls a tool; answers with its structured content. Throws the tool's error. */
  call(tool: string, input: Record<string, unknown>): Promise<Record<string, unknown>>;
  hook(event: string, fields?: Record<string, unknown>): Promise<HookResult>;
  /** Resolves when mail lies in the spool. */
  mailArrived(): Promise<void>;
  end(): Promise<void>;
}

interface Answer {
  id?: number;
  result?: { isError?: boolean; content?: { text?: string }[]; structuredContent?: Record<string, unknown> };
  error?: { message: string };
}

/** Starts a session server under a parent of its own. */
export function standIn(world: World, home: string, name: string, cwd: string): StandIn {
  // One conversation per name: whoever stands in under it again is the same peer again.
  const sessionId = `stand-in-${name}`;
  const env = {
    ...world.env,
    CCT_HOME: home,
    CCT_NAME: name,
    CLAUDE_CODE_SESSION_ID: sessionId,
    CLAUDE_PID: undefined,
  };
  // The shell is the parent and stays: `exec` would make the server its own host.
  const child = spawn("bash", ["-c", '"$@"; exit $?', "cct", world.node, join(world.root, "dist", "bin.js"), "mcp"], {
    cwd,
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { pid } = child;
  if (pid === undefined) throw new CctError("internal", "bash could not be started.", "CCT's hooks need bash.");
  const spool = paths(home).spool(pid);
  const request = conversation(child);
  const ready = (async () => {
    await request("initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "cct stand-in", version: world.version },
    });
    child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })}\n`);
  })();
  // Callers await `ready` themselves; this only keeps an early end from being an unhandled rejection.
  ready.catch(() => {});

  return {
    ready,
    pid,
    async call(tool, input) {
      const { result, error } = await request("tools/call", { name: tool, arguments: input });
      if (error) throw new CctError("internal", error.message);
      if (result?.isError) throw new CctError("internal", result.content?.[0]?.text ?? `${tool} failed.`);
      return result?.structuredContent ?? {};
    },
    hook: (event, fields = {}) =>
      runHook(world, { ...env, CLAUDE_PID: String(pid) }, event, { session_id: sessionId, cwd, ...fields }),
    async mailArrived() {
      for (const deadline = world.now() + PATIENCE_MS; !existsSync(join(spool, "mail")); ) {
        if (world.now() > deadline)
          throw new CctError("unavailable", `No mail reached the spool of ${name}.`, "See: cct doctor");
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
    end: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once("exit", () => resolve());
        child.stdin?.end();
        // Long: on a loaded machine it may still be starting, and would write into a home that is gone by then.
        setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS).unref();
      }),
  };
}

/** JSON-RPC by line, as MCP's stdio transport has it. */
function conversation(child: ChildProcess): (method: string, params: unknown) => Promise<Answer> {
  const waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
  const giveUp = (): void => {
    for (const { reject } of waiting.values())
      reject(new CctError("unavailable", "The session server ended.", "See its words above."));
    waiting.clear();
  };
  let id = 0;
  if (child.stdout) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const answer: Answer = JSON.parse(line);
      if (answer.id === undefined) return;
      waiting.get(answer.id)?.resolve(answer);
      waiting.delete(answer.id);
    });
  }
  child.on("exit", giveUp);
  child.stdin?.on("error", giveUp);
  return (method, params) =>
    new Promise((resolve, reject) => {
      id++;
      waiting.set(id, { resolve, reject });
      child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    });
}

interface HookEntry {
  matcher?: string;
  hooks: { command: string; args: string[] }[];
}

/** Runs what `hooks.json` names for an event, with its input on stdin. */
function runHook(world: World, env: World["env"], event: string, fields: Record<string, unknown>): Promise<HookResult> {
  const plugin = join(world.root, "plugin");
  const { hooks } = JSON.parse(readFileSync(join(plugin, "hooks", "hooks.json"), "utf8"));
  const entry: HookEntry | undefined = hooks[event]?.find((one: HookEntry) => one.matcher === undefined);
  const hook = entry?.hooks[0];
  if (!hook) throw new CctError("internal", `There is no hook for ${event}.`);
  const args = hook.args.map((arg) => arg.replaceAll("${CLAUDE_PLUGIN_ROOT}", plugin));
  return new Promise((resolve, reject) => {
    const child = spawn(hook.command, args, { env: { ...env, CLAUDE_PLUGIN_ROOT: plugin }, stdio: "pipe" });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.stdin.on("error", () => {});
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
    child.stdin.end(JSON.stringify({ hook_event_name: event, ...fields }));
  });
}
