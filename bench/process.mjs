/** Child processes, each of which ends with the bench. */
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { atEnd } from "./cleanup.mjs";

/** How long a process may take to end when it is told to. */
const END_MS = 5_000;

/**
 * The environment of whatever a bench starts: nothing of the user's own settings gets in. SHLVL as under a host that was
 * started from a shell: without it bash takes node's pipe for a remote shell's connection and reads its start-up files.
 */
export function environment(more = {}) {
  return { PATH: process.env.PATH, LC_ALL: "C", SHLVL: "1", ...more };
}

/** Starts a process; its standard output comes as lines. */
export function start(command, args, { env, cwd } = {}) {
  const child = spawn(command, args, { cwd, env: environment(env), stdio: ["pipe", "pipe", "inherit"] });
  const exited = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  exited.catch(() => {});
  child.stdin.on("error", () => {});
  const end = async (signal = "SIGTERM") => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const kill = setTimeout(() => child.kill("SIGKILL"), END_MS);
    child.stdin.end();
    child.kill(signal);
    await exited;
    clearTimeout(kill);
  };
  atEnd(end);
  return { child, pid: child.pid, lines: createInterface({ input: child.stdout }), exited, end };
}

/** Starts a helper of the bench itself, which prints one line of JSON when it is ready. */
export async function startHelper(file, input = {}) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const helper = start(process.execPath, [path, JSON.stringify(input)]);
  const said = await Promise.race([
    new Promise((resolve) => helper.lines.once("line", resolve)),
    helper.exited.then((code) => Promise.reject(new Error(`${file} ended with ${code}`))),
  ]);
  return { ...helper, said: JSON.parse(said) };
}

/** Runs something to its end and returns what it printed; throws when it fails. */
export function output(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", ...options });
  // A hook that needs no input ends without reading it.
  if (error && error.code !== "EPIPE") throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
  return stdout;
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
