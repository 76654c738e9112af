/** One stage for a test file. Its tests are listed as not run where the machine cannot run them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { notRun } from "../support/not-run.ts";
import { openStage, type SentMessage, type Stage } from "./harness.ts";
import { findNeeds } from "./needs.ts";
import { type Request, timesIn } from "./requests.ts";

let needs = findNeeds();

/** Before anything else in a test file that is for another version of the host; `onStage` goes back to the usual one. */
export function onVersion(version: string): void {
  needs = findNeeds(version);
}

let current: Stage | undefined;

/** The stage of this test file. */
export function stage(): Stage {
  if (!current) throw new Error("the stage was not opened");
  return current;
}

/** Opens a stage for the file and prepares what its tests share. */
export function onStage(prepare: (stage: Stage) => Promise<void>): void {
  beforeAll(async () => {
    if (typeof needs === "string") return;
    current = await openStage(needs);
    await prepare(current);
  }, 600_000);
  afterAll(async () => {
    await current?.close();
    // The next file runs in the same process, with the same modules.
    current = undefined;
    needs = findNeeds();
  }, 300_000);
}

/** A test with real sessions. */
export function hostTest(name: string, run: () => Promise<void>, seconds = 600): void {
  const runAlone = async (): Promise<void> => {
    try {
      await run();
    } catch (error) {
      // The next test shall not fail for what this one left.
      await Promise.allSettled(stage().sessions.map((session) => session.calm()));
      throw error;
    }
  };
  test.skipIf(typeof needs === "string" && notRun(name, needs))(name, runAlone, seconds * 1000);
}

export { newWord } from "./ground.ts";

/** The promise of delivery: in front of its model exactly once, and its sender can see that it was read. */
export async function expectReadOnce(conversation: Request | undefined, word: string): Promise<SentMessage> {
  expect(timesIn(conversation, word), `how often ${word} was given to the model`).toBe(1);
  const message = await stage().becomes(word, "read");
  expect(message.recipients.map(({ redelivered }) => redelivered)).toEqual([false]);
  return message;
}
