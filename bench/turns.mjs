/** Command lines run in turn and timed by a bash, which spawns with less of its own in the figure than node does. */
import { spawnSync } from "node:child_process";

const ROUNDS = 300;
const WARM_UP = 10;

export const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/** Run times of each command in ms, with the file `input` on standard input. `undefined` when bash has no EPOCHREALTIME (macOS). */
export function inTurns(commands, env, input) {
  const one = (command, i) =>
    `a=$EPOCHREALTIME; ${command.map(quoted).join(" ")} <"$input" >/dev/null 2>&1; b=$EPOCHREALTIME; echo "${i} $((\${b/./} - \${a/./}))"`;
  const lines = [
    "((BASH_VERSINFO[0] >= 5)) || exit 9",
    `input=${quoted(input)}`,
    `for ((round = 0; round < ${ROUNDS + WARM_UP}; round++)); do`,
    ...commands.map(one),
    "done",
  ];
  const options = { env, input: lines.join("\n"), encoding: "utf8", maxBuffer: 1 << 26 };
  const { status, stdout, stderr } = spawnSync("bash", ["-s"], options);
  if (status === 9) return undefined;
  if (status !== 0) throw new Error(`the loop ended with ${status}: ${stderr}`);
  const samples = commands.map(() => []);
  for (const line of stdout
    .trim()
    .split("\n")
    .slice(WARM_UP * commands.length)) {
    const [i, time] = line.split(" ");
    samples[Number(i)].push(Number(time) / 1000);
  }
  return samples;
}
