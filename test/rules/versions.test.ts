/** Which of two versions is the older one. */
import { expect, test } from "vitest";
import { atLeast, isOlder } from "../../src/rules/versions.ts";

const ASCENDING = ["0.1.0-alpha.2", "0.1.0-alpha.10", "0.1.0", "0.2.0", "0.10.0", "1.0.0-rc.1", "1.0.0", "10.0.0"];

test("versions are compared number by number, and a pre-release comes before its release", () => {
  for (const [i, one] of ASCENDING.entries())
    for (const [j, other] of ASCENDING.entries())
      expect([isOlder(one, other), atLeast(one, other)], `${one} ${other}`).toEqual([i < j, i >= j]);
});

test("what is no version is neither older nor at least another", () => {
  for (const text of ["", "1.0", "latest", "v1.0.0"]) {
    expect(atLeast(text, "1.0.0")).toBe(false);
    expect(isOlder(text, "1.0.0")).toBe(false);
    expect(isOlder("1.0.0", text)).toBe(false);
  }
});
