import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CctError } from "../../src/platform/errors.ts";
import { checkedPurpose, checkedRole, checkPoolName, MAX_PURPOSE, MAX_ROLE } from "../../src/rules/pools.ts";
import { isControl } from "../support/hostile.ts";
import { thrownBy } from "../support/thrown.ts";

describe("text of a pool", () => {
  const line = fc.string({ unit: "binary", maxLength: 600 });

  test.each([
    ["role", MAX_ROLE, checkedRole],
    ["purpose", MAX_PURPOSE, checkedPurpose],
  ] as const)(
    "a %s is one line of up to %d characters, or a bad_request that names the field",
    (field, most, checked) => {
      fc.assert(
        fc.property(line, (text) => {
          try {
            const kept = checked(text);
            expect(kept).toMatch(/^\S(.*\S)?$/u);
            expect(kept.length).toBeLessThanOrEqual(most);
            expect([...text].some(isControl)).toBe(false);
          } catch (error) {
            if (!(error instanceof CctError)) throw error;
            expect(error.code).toBe("bad_request");
            expect(error.message).toContain(field);
            expect(error.hint).not.toBe("");
          }
        }),
        { numRuns: 1000 },
      );
      expect(checked("x".repeat(most))).toHaveLength(most);
      expect(checked(" two\n\twords ")).toBe("two words");
      for (const bad of ["", " \n", "\u200b", "x".repeat(most + 1), "a\u0000b", "a\u001b[31mb", "\u009b1A", "\ud800"])
        expect(thrownBy(() => checked(bad)).code).toBe("bad_request");
    },
  );

  test.each(["", "@team", "a b", "a/b", "-a", "a.", "ünder", "a\nb", "x".repeat(41), "a\u200bb"])(
    "%j is not a pool name",
    (name) => {
      expect(thrownBy(() => checkPoolName(name)).hint).not.toBe("");
    },
  );

  test.each(["a", "team-1", "Web.front_end", "7", "x".repeat(40)])("%j is a pool name", (name) => {
    expect(() => checkPoolName(name)).not.toThrow();
  });
});
