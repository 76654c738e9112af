/** Tests with a real agent, which are listed as not run where it cannot be had. */
import { test } from "vitest";
import { notRun } from "../support/not-run.ts";

/** `needs`: what `needs.ts` found, or why it cannot be had. `ms`: for each test. */
export function testsOf(agent: string, needs: object | string, ms: number) {
  const why = typeof needs === "string" ? needs : undefined;
  return (name: string, work: () => Promise<void>): void => {
    test.skipIf(why !== undefined && notRun(`${agent}: ${name}`, why))(name, work, ms);
  };
}
