/** Checks the model of the delivery protocol exhaustively with spin, and that it finds each known defect. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root, tempFolder } from "../support/folders.ts";
import { notRun } from "../support/not-run.ts";

const MODEL = join(root, "test/model/delivery.pml");
const runs = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
const isMissing =
  !(runs("spin", "-V") && runs("gcc", "--version")) &&
  notRun("the model of the delivery protocol", "needs spin and gcc: apt-get install spin gcc libc6-dev");

/** The defects of the model, by number: name and what it is. */
const defects = [...readFileSync(MODEL, "utf8").matchAll(/^#define ([A-Z_]+) +(\d+) \/\* (.*) \*\/$/gm)].flatMap(
  ([, name = "", number = "", what = ""]) => (name.includes("_") ? [{ number: Number(number), name, what }] : []),
);

/** Searches all states; the trail of an error is not kept. */
function search(settings: { MESSAGES: number; FAULTS: number; DEFECT?: number }): string {
  const cwd = tempFolder();
  const flags = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  const step = (command: string, ...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 1e8 });
    expect(status, `${command}: ${stdout}${stderr}`).toBe(0);
    return stdout;
  };
  step("spin", "-a", ...flags, MODEL);
  // A defect is found so soon that compiling is most of the time.
  step("gcc", settings.DEFECT ? "-O0" : "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=2048", "-o", "pan", "pan.c");
  return step("./pan", "-m100000");
}

test.skipIf(isMissing).each([
  { MESSAGES: 1, FAULTS: 2 },
  { MESSAGES: 2, FAULTS: 1 },
])("the protocol keeps its promises in every state: %o", (settings) => {
  const said = search(settings);
  expect(said).toContain("errors: 0");
  expect(said).not.toContain("Search not completed");
  expect(said).not.toContain("max search depth too small");
});

test.skipIf(isMissing).each(defects)("finds that $what", ({ number }) => {
  expect(search({ MESSAGES: 1, FAULTS: 2, DEFECT: number })).toMatch(/assertion violated[\s\S]*errors: 1/);
});

test("the defects are numbered without a gap", () => {
  expect(defects.map(({ number }) => number)).toEqual(defects.map((_, i) => i + 1));
  expect(defects.length).toBeGreaterThanOrEqual(13);
});
