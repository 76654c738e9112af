/** The product as its users run it, in a throw-away home: a broker, session servers, hooks. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { atEnd } from "./cleanup.mjs";
import { environment, output, pause, start } from "./process.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const program = join(root, "dist", "bin.js");
const plugin = join(root, "plugin");

const PATIENCE_MS = 60_000;

export function tempFolder() {
  const folder = mkdtempSync(join(tmpdir(), "cct-bench-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  return folder;
}

/** Waits until `look` finds something. */
export async function until(what, look) {
  for (const deadline = performance.now() + PATIENCE_MS; ; ) {
    const found = look();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await pause(10);
  }
}

/** Starts a broker with a home and a port of its own; `more` is added to its environment, `flags` to node's own arguments. */
export async function startBroker(more = {}, flags = []) {
  const folder = tempFolder();
  const home = join(folder, "home");
  // A bench does what the guards against runaway senders are there for.
  const names =
    "SENDS_PER_MINUTE SENDS_PER_PAIR REPEAT_SECONDS REQUESTS_PER_SECOND REGISTRATIONS_PER_MINUTE MAILBOX_MESSAGES CONNECTIONS_PER_ADDRESS MAX_PEERS";
  const unguarded = Object.fromEntries(names.split(" ").map((name) => [`CCT_${name}`, "0"]));
  const env = { HOME: folder, CCT_HOME: home, CCT_PORT: "0", ...unguarded, ...more };
  const broker = start(process.execPath, [...flags, program, "start", "--foreground"], { env });
  const note = await until("the broker", () => {
    const path = join(home, "broker.json");
    return existsSync(path) && JSON.parse(readFileSync(path, "utf8"));
  });
  return { ...broker, home, env, url: note.url, token: readFileSync(join(home, "token"), "utf8").trim() };
}

/** Headers of a good client: of a peer, or of the operator. */
export function headers(broker, peer) {
  return {
    authorization: `Bearer ${broker.token}`,
    "content-type": "application/json",
    ...(peer ? { "x-cct-peer": peer.peer_id, "x-cct-secret": peer.secret } : {}),
  };
}

/** Starts a session server and shakes hands; `env` is added to the broker's. `wrap`: under a parent of its own. */
export async function startSession(broker, name, { wrap = true } = {}) {
  const command = [process.execPath, program, "mcp"];
  // The shell is the stand-in for the host, and stays: with `exec` the server would be its own host.
  const [file, ...args] = wrap ? ["bash", "-c", '"$@"; exit $?', "cct", ...command] : command;
  const begin = performance.now();
  const session = start(file, args, { cwd: tempFolder(), env: { ...broker.env, CCT_NAME: name } });
  const answers = new Map();
  session.lines.on("line", (line) => {
    const answer = JSON.parse(line);
    answers.get(answer.id)?.(answer);
    answers.delete(answer.id);
  });
  let last = 0;
  const write = (message) => session.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  const request = (method, params) =>
    new Promise((resolve, reject) => {
      last += 1;
      session.exited.then(() => reject(new Error(`the session server ${name} ended`)), reject);
      answers.set(last, ({ result, error }) => (error ? reject(new Error(error.message)) : resolve(result)));
      write({ id: last, method, params });
    });
  const clientInfo = { name: "cct bench", version: "1" };
  await request("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo });
  const readyMs = performance.now() - begin;
  write({ method: "notifications/initialized" });
  const hostPid = wrap ? session.pid : process.pid;
  await until(`${name} to be registered`, () => existsSync(join(broker.home, "pidmaps", String(hostPid))));
  return {
    ...session,
    hostPid,
    readyMs,
    request,
    spool: join(broker.home, "spool", String(hostPid)),
    /** Ends as when the host closes it. */
    async end() {
      session.child.stdin.end();
      await session.exited;
    },
  };
}

/** The command line that `hooks.json` names for an event (the entry that stands for every tool). */
export function hookCommand(event) {
  const { hooks } = JSON.parse(readFileSync(join(plugin, "hooks", "hooks.json"), "utf8"));
  const hook = hooks[event]?.flatMap((entry) => entry.hooks).find(({ args }) => args.at(-1) === event);
  if (!hook) throw new Error(`hooks.json names nothing for ${event}`);
  return [hook.command, ...hook.args.map((arg) => arg.replaceAll("${CLAUDE_PLUGIN_ROOT}", plugin))];
}

export function hookEnvironment(home, hostPid) {
  return environment({ CCT_HOME: home, CLAUDE_PID: String(hostPid), CLAUDE_PLUGIN_ROOT: plugin });
}

/** Runs the hook of an event, as the host would. */
export function runHook(event, home, hostPid, fields = {}) {
  const [command = "", ...args] = hookCommand(event);
  const input = JSON.stringify({ hook_event_name: event, session_id: `bench-${hostPid}`, ...fields });
  return output(command, args, { env: hookEnvironment(home, hostPid), input });
}
