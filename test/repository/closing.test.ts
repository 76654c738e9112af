/** The last lines of a test run name what failed, so that the end of a long log is enough. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { closingLines } from "../../scripts/test/failures.mjs";
import { root, tempFolder } from "../support/folders.ts";

const FAILING = `
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fail } from "./helper.ts";
test("passes", () => {});
test.skip("is skipped", () => {});
describe("a group", () => {
  test("differs", () => expect({ text: "red", same: 1 }).toMatchObject({ text: "blue" }));
});
test("waits", () => fail());
test("forgets a promise", () => void Promise.reject(new Error("stray")));
describe("unprepared", () => {
  beforeAll(() => {
    throw new Error("no server");
  });
  test("does not run", () => {});
});
afterAll(() => {
  throw new Error("leaves processes behind");
});
`;
const HELPER = `
export function fail() {
  throw new TypeError("waited in vain\\nits \\u001b[31mscreen\\u001b[39m:\\nempty");
}
`;

test("each failure is named with its file, its full title and the beginning of its error, in a test or outside of all", () => {
  const place = tempFolder();
  mkdirSync(join(place, "test"));
  writeFileSync(join(place, "test/one.test.ts"), FAILING);
  writeFileSync(join(place, "test/helper.ts"), HELPER);
  writeFileSync(join(place, "test/two.test.ts"), 'import "./nowhere.ts";\n');
  const report = join(place, "report.json");
  const reporter = `--reporter=${join(root, "scripts/test/reporter.mjs")}`;
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  spawnSync(process.execPath, [vitest, "run", "--no-isolate", "--no-file-parallelism", reporter], {
    cwd: place,
    env: { ...process.env, CCT_TEST_REPORT: report, FORCE_COLOR: "1" },
  });
  const { failures, ...counts } = JSON.parse(readFileSync(report, "utf8"));
  expect(counts).toEqual({ passed: 2, failed: 2, skipped: 2 });
  expect(closingLines(failures)).toEqual([
    "What failed:",
    "✗ test/one.test.ts",
    "    test/one.test.ts:18: leaves processes behind",
    "✗ test/one.test.ts > unprepared",
    "    test/one.test.ts:13: no server",
    "✗ test/one.test.ts > a group > differs",
    "    test/one.test.ts:7: AssertionError: expected { text: 'red', same: 1 } to match object { text: 'blue' }",
    '    -   "text": "blue",',
    '    +   "text": "red",',
    "✗ test/one.test.ts > waits",
    "    test/one.test.ts:9: TypeError: waited in vain",
    "    its screen:",
    "    empty",
    "✗ test/two.test.ts",
    expect.stringContaining("test/two.test.ts:1: Cannot find module './nowhere.ts'"),
    "✗ test/one.test.ts",
    "    test/one.test.ts:10: stray",
  ]);
});

test("the closing lines stay few, however much failed", () => {
  const failures = Array.from({ length: 30 }, (_, n) => ({
    where: `file > title ${n}`,
    error: ["x".repeat(999), "y"],
  }));
  const lines = closingLines(failures);
  expect(lines).toHaveLength(22);
  expect(lines[1]).toMatch(/^✗ file > title 0: x{200,230}…$/);
  expect(lines.at(-1)).toBe("and 10 more");
  expect(closingLines(failures.slice(0, 1))).toHaveLength(4);
  expect(closingLines([])).toEqual([]);
});
