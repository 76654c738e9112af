/** A wall clock that a test can set forward or back, for a program that runs in a process of its own. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { tempFolder } from "./folders.ts";

export interface TestClock {
  /** What the program's environment needs. */
  env: Record<string, string>;
  /** What it shows, to a program in the test's own process. */
  now(): number;
  /** Sets it forward by so much more. */
  forward(ms: number): void;
}

/**
 * Replaces `Date.now` before the program begins, and the times of files, which are told by the same clock: a file that
 * was written before a step keeps its time. Whoever reads the clock sees at once that it was set.
 */
export function testClock(): TestClock {
  const folder = tempFolder();
  const [preload, path] = [join(folder, "clock.mjs"), join(folder, "steps.json")];
  /** From when on the clock was how far ahead. */
  const steps = [{ from: 0, ahead: 0 }];
  const save = (): void => writeFileSync(path, JSON.stringify(steps));
  save();
  writeFileSync(
    preload,
    `import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
const wall = Date.now;
const told = (ms) => {
  let steps;
  // A test that writes it just now.
  while (steps === undefined) try { steps = JSON.parse(fs.readFileSync(${JSON.stringify(path)}, "utf8")); } catch {}
  return ms + steps.findLast(({ from }) => from <= ms).ahead;
};
Date.now = () => told(wall());
const { statSync } = fs;
fs.statSync = (...args) => {
  const stat = statSync(...args);
  if (stat) [stat.mtimeMs, stat.ctimeMs] = [told(stat.mtimeMs), told(stat.ctimeMs)];
  return stat;
};
syncBuiltinESMExports();
`,
  );
  return {
    env: { NODE_OPTIONS: `--import=${pathToFileURL(preload).href}` },
    now: () => Date.now() + (steps.at(-1)?.ahead ?? 0),
    forward(ms) {
      steps.push({ from: Date.now(), ahead: (steps.at(-1)?.ahead ?? 0) + ms });
      save();
    },
  };
}
