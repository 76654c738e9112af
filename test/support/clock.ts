/** A wall clock that a test can set forward, for a program that runs in a process of its own. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { tempFolder } from "./folders.ts";

export interface TestClock {
  /** What the program's environment needs. */
  env: Record<string, string>;
  /** Sets it forward by so much more. */
  forward(ms: number): void;
}

/** Replaces `Date.now` before the program begins; whoever reads the clock sees at once that it was set. */
export function testClock(): TestClock {
  const folder = tempFolder();
  const [preload, ahead] = [join(folder, "clock.mjs"), join(folder, "ahead")];
  let sum = 0;
  writeFileSync(ahead, "0");
  writeFileSync(
    preload,
    `import { readFileSync } from "node:fs";
const wall = Date.now;
Date.now = () => wall() + Number(readFileSync(${JSON.stringify(ahead)}, "utf8"));
`,
  );
  return {
    env: { NODE_OPTIONS: `--import=${pathToFileURL(preload).href}` },
    forward(ms) {
      sum += ms;
      writeFileSync(ahead, String(sum));
    },
  };
}
