/**
 * Hooks when there is no mail: what every tool call pays. The floor is `bash -c :`, since the host starts a bash anyway.
 *
 * A bash loop spawns both sides in turn and reads its own clock: its overhead per spawn (one fork) is far below that
 * of node's spawn, and is in both sides. There stdin is a file. The host gives a pipe, so one row has 195 KB in a
 * pipe, spawned by node on both sides; node's overhead in both pulls that ratio towards 1.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output } from "./process.mjs";
import { hookCommand, hookEnvironment, runHook, tempFolder } from "./product.mjs";
import { median } from "./stats.mjs";
import { inTurns } from "./turns.mjs";

const PIPE_ROUNDS = 100;
const WARM_UP = 10;
const EVENTS = ["PreToolUse", "PostToolBatch", "UserPromptSubmit", "Stop"];
const FLOOR = ["bash", "-c", ":"];
/** Standard input in bytes from which a hook may cost more. */
const LARGE = 100_000;
const goalFor = ({ bytes }) => ({ limit: bytes < LARGE ? 1.1 : 1.15, of: "ratio" });

export function hook() {
  const folder = tempFolder();
  const home = join(folder, "home");
  // Any living process may stand for the host: hooks know nothing of it but its number.
  const env = hookEnvironment(home, process.pid);
  mkdirSync(join(home, "spool"), { recursive: true });
  runHook("SessionStart", home, process.pid, { source: "startup" });
  // A session that is served, in the middle of its work.
  writeFileSync(join(home, "spool", String(process.pid), "server"), `${process.pid} 1\n`);
  for (const event of EVENTS) runHook(event, home, process.pid);
  const inputs = [hookInput(folder, 329), hookInput(folder, 195 * 1024)];
  const traced = findStrace();

  const figures = inputs.flatMap((input) => loop(env, input));
  figures.push(inPipe(env, inputs[1]));
  for (const event of EVENTS) figures.push(forks(traced, env, event, inputs[0], folder));
  return figures;
}

/** A hook's input as the host writes it, of that many bytes. */
function hookInput(folder, bytes) {
  const text = (content) =>
    JSON.stringify({
      session_id: "0b0ad0f6-3f5e-4d9a-9d6a-1f1f3c2b7a10",
      transcript_path: "/home/me/.claude/projects/-home-me-project/0b0ad0f6.jsonl",
      cwd: "/home/me/project",
      permission_mode: "default",
      hook_event_name: "PreToolUse",
      tool_name: "Write",
      tool_input: { content },
    });
  const path = join(folder, `input-${bytes}.json`);
  writeFileSync(path, text("x".repeat(bytes - text("").length)));
  return { path, bytes, label: bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KB` };
}

/** All events in turn with the floor. */
function loop(env, input) {
  const samples = inTurns([FLOOR, ...EVENTS.map(hookCommand)], env, input.path);
  if (!samples) return [{ name: `hook, ${input.label} stdin`, notMeasured: "needs bash 5 for its clock" }];
  const floor = median(samples[0]);
  return EVENTS.map((event, i) => ({
    name: `hook ${event}, no mail, ${input.label} stdin`,
    value: median(samples[i + 1]),
    unit: "ms",
    floor,
    floorName: "bash -c :",
    goal: goalFor(input),
  }));
}

/** The large input in a pipe, as the host gives it. */
function inPipe(env, input) {
  const text = readFileSync(input.path, "utf8");
  const commands = [FLOOR, hookCommand("PreToolUse")];
  const samples = commands.map(() => []);
  for (let round = 0; round < PIPE_ROUNDS + WARM_UP; round++) {
    for (const [i, [file, ...args]] of commands.entries()) {
      const begin = performance.now();
      const { status } = spawnSync(file, args, { env, input: text });
      if (round >= WARM_UP) samples[i].push(performance.now() - begin);
      if (status !== 0) throw new Error(`${file} ended with ${status}`);
    }
  }
  return {
    name: `hook PreToolUse, no mail, ${input.label} in a pipe (spawned by node)`,
    value: median(samples[1]),
    unit: "ms",
    floor: median(samples[0]),
    floorName: "bash -c :, the same way",
    goal: goalFor(input),
  };
}

function findStrace() {
  return spawnSync("strace", ["-f", "true"], { stdio: "ignore" }).status === 0;
}

/** How many processes and programs the hook starts beside its own bash. */
function forks(traced, env, event, input, folder) {
  const name = `hook ${event}, no mail: processes forked`;
  if (!traced) return { name, notMeasured: "needs strace" };
  const trace = join(folder, "trace");
  const calls = "trace=?clone,?clone3,?fork,?vfork,execve";
  output("strace", ["-f", "-qq", "-e", calls, "-o", trace, ...hookCommand(event)], {
    env,
    input: readFileSync(input.path, "utf8"),
  });
  const lines = readFileSync(trace, "utf8").trim().split("\n");
  const started = lines.filter((line) => /\b(clone3?|v?fork)\(/.test(line)).length;
  const programs = lines.filter((line) => /\bexecve\(.*= 0$/.test(line)).length - 1;
  return { name, value: Math.max(started, programs), unit: "", goal: { limit: 0, of: "value" } };
}
