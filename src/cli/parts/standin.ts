/**
 * A stand-in for Claude Code: a parent process with a real session server, driven over stdio, and the real hook scripts,
 * run as the host runs them. Used by `cct demo` and the probe of `cct doctor`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { claude } from "../../hosts/claude.ts";
import { CctError, errorLine } from "../../platform/errors.ts";
import { paths } from "../../platform/home.ts";
import type { World } from "../../platform/world.ts";
import { STRUCTURED } from "../../rules/toolinput.ts";

const TIMEOUT_MS = 15_000;

interface HookResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface StandIn {
  /** Resolves when the session server has answered the handshake. */
  ready: Promise<void>;
  /** The process id that plays the host's. */
  pid: number;
  /** Calls a tool and returns its structured content. Throws the tool's error. */
  call(tool: string, input: Record<string, unknown>): Promise<Record<string, unknown>>;
  hook(event: string, fields?: Record<string, unknown>): Promise<HookResult>;
  /** Resolves when the spool holds mail. */
  mailArrived(): Promise<void>;
  end(): Promise<void>;
}

/** Starts a session server below its own parent process. */
export function standIn(world: World, home: string, name: string, cwd: string): StandIn {
  // One conversation per name, so that a later stand-in with this name is the same peer.
  const sessionId = `stand-in-${name}`;
  const env = {
    ...world.env,
    CCT_HOME: home,
    CCT_NAME: name,
    [claude.sessionVariable]: sessionId,
    [claude.pidVariable]: undefined,
  };
  // The shell stays as the parent; with `exec` the server would be its own host.
  const child = spawn("bash", ["-c", '"$@"; exit $?', "cct", world.node, join(world.root, "dist", "bin.js"), "mcp"], {
    cwd,
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { pid } = child;
  if (pid === undefined) throw new CctError("internal", "bash could not be started.", "CCT's hooks need bash.");
  const spool = paths(home).spool(pid);
  const connecting = connect(child, world.version).catch((error: unknown) => {
    throw new CctError(
      "unavailable",
      `The session server did not start (${errorLine(error)}).`,
      "See its output above.",
    );
  });
  // Callers await `ready`; this only prevents an unhandled rejection when the process ends early.
  connecting.catch(() => {});

  return {
    ready: connecting.then(() => {}),
    pid,
    async call(tool, input) {
      const answer = await (await connecting).callTool({ name: tool, arguments: input, _meta: { [STRUCTURED]: true } });
      if (!answer.isError) return { ...(answer.structuredContent ?? {}) };
      const [first] = Array.isArray(answer.content) ? answer.content : [];
      throw new CctError("internal", first?.type === "text" ? String(first.text) : `${tool} failed.`);
    },
    hook: (event, fields = {}) =>
      runHook(world, { ...env, [claude.pidVariable]: String(pid) }, event, { session_id: sessionId, cwd, ...fields }),
    async mailArrived() {
      for (const deadline = world.steady() + TIMEOUT_MS; !existsSync(join(spool, "mail")); ) {
        if (world.steady() > deadline)
          throw new CctError("unavailable", `No mail reached the spool of ${name}.`, "See: cct doctor");
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
    end: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once("exit", () => resolve());
        child.stdin?.end();
        // Long enough for a server that is still starting: it must not write into a home that was removed.
        setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS).unref();
      }),
  };
}

/** An MCP client over the standard streams of a child process. The SDK is loaded here: only demo and doctor need it. */
async function connect(child: ChildProcess, version: string): Promise<Client> {
  const [{ Client }, { ReadBuffer, serializeMessage }] = await Promise.all([
    import("@modelcontextprotocol/sdk/client/index.js"),
    import("@modelcontextprotocol/sdk/shared/stdio.js"),
  ]);
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new CctError("internal", "The session server has no standard streams.");
  const buffer = new ReadBuffer();
  // Not the SDK's own stdio transport: it would start the process itself, and end it too soon on a loaded machine.
  const transport: Transport = {
    async start() {
      stdout.on("data", (chunk: Buffer) => {
        buffer.append(chunk);
        for (let message = buffer.readMessage(); message; message = buffer.readMessage())
          transport.onmessage?.(message);
      });
      child.once("close", () => transport.onclose?.());
      stdin.on("error", (error) => transport.onerror?.(error));
    },
    async send(message) {
      stdin.write(serializeMessage(message));
    },
    async close() {
      stdin.end();
    },
  };
  const client = new Client({ name: "cct stand-in", version });
  await client.connect(transport);
  return client;
}

interface HookEntry {
  hooks: { command: string; args: string[] }[];
}

/** Runs the hook that `hooks.json` names for an event, with the event as JSON on standard input. */
function runHook(world: World, env: World["env"], event: string, fields: Record<string, unknown>): Promise<HookResult> {
  const plugin = join(world.root, "plugin");
  const { hooks } = JSON.parse(readFileSync(join(plugin, "hooks", "hooks.json"), "utf8"));
  const entries: HookEntry[] = hooks[event] ?? [];
  const hook = entries.flatMap((entry) => entry.hooks).find(({ args }) => args.at(-1) === event);
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
