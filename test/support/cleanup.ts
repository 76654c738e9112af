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

/** Runs `work` when the running test ends, or else the test file; what was made last is undone first. */
export function atEnd(work: () => unknown): void {
  const test: RunnerTestCase | undefined = TestRunner.getCurrentTest();
  // Of tests that run at the same time nobody knows which one calls.
  undo.push({ test: test?.concurrent ? undefined : test, work });
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
