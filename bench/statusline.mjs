/**
 * The status line's script, as it runs every five seconds in every session. The floor is `bash -c :`; a second row is
 * the whole command as the host runs it, by a shell, beside a shell that starts a bash.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hookEnvironment, root, tempFolder } from "./product.mjs";
import { median } from "./stats.mjs";
import { inTurns, quoted } from "./turns.mjs";

const goal = { limit: 1.3, of: "ratio" };

export function statusline() {
  const folder = tempFolder();
  const home = join(folder, "home");
  const script = join(root, "plugin", "statusline", "line.sh");
  for (const one of ["flags", "pidmaps"]) mkdirSync(join(home, one), { recursive: true });
  const now = Math.floor(Date.now() / 1000);
  // Written for the whole run, as if the server had just spoken: a line that is newer than now counts.
  const flags = `${now + 3600} ${process.pid} dd5c0f6aa0b1c2d3 ann up live idle 0 3 0 feature-x 2\n`;
  writeFileSync(join(home, "flags", String(process.pid)), flags);
  const input = join(folder, "input.json");
  writeFileSync(input, JSON.stringify({ session_id: "0b0ad0f6", cwd: "/home/me", model: { id: "x".repeat(900) } }));

  const word = quoted(script);
  const commands = [
    ["bash", "-c", ":"],
    ["bash", script],
    ["sh", "-c", "exec bash -c :"],
    ["sh", "-c", `[ ! -r ${word} ] || exec bash ${word} # cct`],
  ];
  const env = { ...hookEnvironment(home, process.pid), COLUMNS: "120" };
  const check = spawnSync("bash", [script], { env, encoding: "utf8" });
  if (check.stdout !== "CCT:dd5c @feature-x(2) ✉3\n") throw new Error(`it shows: ${check.stdout}`);

  const samples = inTurns(commands, env, input);
  if (!samples) return [{ name: "status line", notMeasured: "needs bash 5 for its clock" }];
  const [bare, line, shell, whole] = samples.map(median);
  return [
    { name: "status line, script", value: line, unit: "ms", floor: bare, floorName: "bash -c :", goal },
    {
      name: "status line, as the host runs it",
      value: whole,
      unit: "ms",
      floor: shell,
      floorName: "sh -c 'exec bash -c :'",
      goal,
    },
  ];
}
