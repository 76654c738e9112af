// The processes of a test run.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** The processes, but for ourselves, whose environment or command line names the folder or something in it. */
export function processesOf(folder) {
  const found = process.platform === "linux" ? fromProc(folder) : fromPs(folder);
  return found.filter(({ pid }) => pid !== process.pid);
}

function fromProc(folder) {
  const named = naming(folder, "\0");
  const found = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8");
      const belongs = named(`${readFileSync(`/proc/${name}/environ`, "latin1")}\0`) || named(command);
      if (belongs && !isZombie(name)) found.push({ pid: Number(name), command: command.replaceAll("\0", " ").trim() });
    } catch {
      // It has just ended, or it is another user's.
    }
  }
  return found;
}

const isZombie = (pid) => /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));

/** Where there is no /proc: `e` adds the environment to the command. */
function fromPs(folder) {
  const named = naming(folder, " ");
  const lines = execFileSync("ps", ["-axeww", "-o", "pid=,command="], { encoding: "utf8", maxBuffer: 1 << 28 }).split(
    "\n",
  );
  return lines
    .filter((line) => named(`${line} `))
    .map((line) => /^\s*(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid, command]) => ({ pid: Number(pid), command }));
}

/** Whether a text names the folder, or something in it. `end`: what follows a variable. */
function naming(folder, end) {
  return (text) => text.includes(`${folder}/`) || text.includes(`${folder}${end}`);
}

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !isZombie(pid);
  } catch (error) {
    return error.code === "EPERM";
  }
}
