/**
 * What a test makes (folders, processes, connections) is gone when the test ends, and what a file makes outside of its
 * tests when the file ends: each thing is undone by its maker.
 */
import { type RunnerTestCase, TestRunner } from "vitest";

interface Undo {
  /** The test that made it; `undefined`: the file. */
  test: RunnerTestCase | undefined;
  work(): unknown;
}

let undo: Undo[] = [];
let sharing = 0;

/** Runs `work` when the running test ends, or else the test file; what was made last is undone first. */
export function atEnd(work: () => unknown): void {
  const test: RunnerTestCase | undefined = TestRunner.getCurrentTest();
  // Of tests that run at the same time nobody knows which one calls.
  undo.push({ test: test?.concurrent || sharing > 0 ? undefined : test, work });
}

/** Runs `make` in a test for the tests that follow: what it makes is undone when the file ends. */
export async function forFile<T>(make: () => Promise<T>): Promise<T> {
  sharing++;
  try {
    return await make();
  } finally {
    sharing--;
  }
}

/** Called by the setup of each test file after each test, and without one as the last hook of the file. */
export async function cleanUp(test?: RunnerTestCase): Promise<void> {
  const due = undo.filter((one) => test === undefined || one.test === test);
  undo = undo.filter((one) => !due.includes(one));
  const failures: unknown[] = [];
  for (const { work } of due.reverse()) {
    try {
      await work();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "not everything could be cleaned up");
}
