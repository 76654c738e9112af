import { join } from "node:path";
import { expect, test } from "vitest";
import { builtForChild } from "../support/child.ts";
import { root } from "../support/folders.ts";
import { run } from "../support/process.ts";

test("the memory for new objects stays small over thousands of messages on Node 20, and no version complains", async () => {
  const child = run(process.execPath, [await builtForChild(join(root, "test/session/young-child.ts"))]);
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(child.stderr()).toBe("");
  const kib = Number(child.stdout());
  expect(kib).toBeGreaterThan(0);
  if (process.versions.node.startsWith("20.")) expect(kib).toBeLessThanOrEqual(2_048);
});
