/** A clock that a test sets, for a program in a process of its own or in the test's: clock-preload.mjs makes programs use it. */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { isAlive } from "../../src/platform/process.ts";
import { root, tempFolder } from "./folders.ts";
import { type Look, until } from "./wait.ts";

export interface TestClock {
  /** What the program's environment needs. */
  env: Record<string, string>;
  /** The wall clock that it shows, for a program in the test's own process. */
  now(): number;
  /** The monotonic clock, for a program in the test's own process. */
  steady(): number;
  /** Sets the wall clock forward by so much more: a step, as when somebody sets it. Timers do not notice. */
  forward(ms: number): void;
  /**
   * Lets time pass, on the wall clock and on the one that nobody sets: timers of half a second and more that are due by then
   * fire. Resolves when all processes that use the clock have come to them.
   */
  pass(ms: number): Promise<void>;
  /** Lets time pass, a second every tenth of a second, until something becomes true; then as `until`. */
  passUntil<T>(what: string, look: Look<T>): Promise<T>;
}

const preload = pathToFileURL(join(root, "test/support/clock-preload.mjs")).href;

export function testClock(): TestClock {
  const folder = tempFolder();
  const [path, seen] = [join(folder, "steps.json"), join(folder, "seen")];
  mkdirSync(seen);
  /** From when on the wall clock was how far ahead, and how much time has been let pass. */
  const steps = [{ from: 0, ahead: 0, passed: 0 }];
  const save = (): void => {
    writeFileSync(`${path}.new`, JSON.stringify(steps));
    renameSync(`${path}.new`, path);
  };
  save();
  const ahead = (): number => steps.at(-1)?.ahead ?? 0;
  const step = (ms: number, passed: number): void => {
    steps.push({ from: Date.now(), ahead: ahead() + ms, passed: (steps.at(-1)?.passed ?? 0) + passed });
    save();
  };
  /** Living processes that use the clock and have not seen its last step. */
  const behind = (): string[] =>
    readdirSync(seen).filter(
      (pid) => isAlive(Number(pid)) && Number(readFileSync(join(seen, pid), "utf8")) < steps.length,
    );
  const pass: TestClock["pass"] = async (ms) => {
    step(ms, ms);
    await until("all programs to see the clock", () => behind().length === 0);
  };
  return {
    // The one variable that sessions hand on to brokers that they start.
    env: { NODE_OPTIONS: `--import=${preload}?clock=${encodeURIComponent(folder)}` },
    now: () => Date.now() + ahead(),
    steady: () => performance.now() + (steps.at(-1)?.passed ?? 0),
    forward: (ms) => step(ms, 0),
    pass,
    passUntil: (what, look) =>
      until(what, async () => {
        const found = await look();
        if (found !== undefined && found !== false) return found;
        await pass(1_000);
        // What programs do then takes its time.
        await sleep(100);
        return undefined;
      }),
  };
}
