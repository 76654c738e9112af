/**
 * A test run: one folder for all that it makes, and a reaper that ends what the run leaves behind. The first program of a
 * run (`npm test`, or vitest when it is started directly) begins it; those below it find it in `CCT_TEST_RUN`.
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Begins a run; `undefined` when we are part of one already. `end` answers with what had been left behind. */
export function beginRun() {
  if (process.env.CCT_TEST_RUN) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "cct-run-"));
  // Some tests run programs as another user.
  chmodSync(folder, 0o755);
  // What tests build and run there finds its packages.
  symlinkSync(join(here, "../../../node_modules"), join(folder, "node_modules"));
  const reaper = spawn(process.execPath, [join(here, "reaper.mjs"), folder], {
    detached: true,
    env: { PATH: process.env.PATH },
    cwd: "/",
    stdio: ["pipe", "pipe", "ignore"],
  });
  let left = "";
  reaper.stdout.setEncoding("utf8").on("data", (text) => {
    left += text;
  });
  const ended = new Promise((resolve) => reaper.once("close", resolve));
  process.env.CCT_TEST_RUN = folder;
  return {
    folder,
    async end() {
      reaper.stdin.end();
      await ended;
      delete process.env.CCT_TEST_RUN;
      return left.split("\n").filter(Boolean);
    },
  };
}
