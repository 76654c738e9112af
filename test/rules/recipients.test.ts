import fc from "fast-check";
import { expect, test } from "vitest";
import { recipientsIn } from "../../src/rules/recipients.ts";
import { thrownBy } from "../support/thrown.ts";

const address = fc.constantFrom("ann", "BOB", "ann@loft", "@front", "@front/carl", "7c31", "@all");

test("a list, the same with commas, and the same as JSON are the same recipients, each once", () => {
  fc.assert(
    fc.property(fc.array(address, { maxLength: 12 }), (all) => {
      const expected = [...new Set(all)];
      expect(recipientsIn(all)).toEqual(expected);
      expect(recipientsIn(all.map((one) => ` ${one} `).join(","))).toEqual(expected);
      expect(recipientsIn(JSON.stringify(all))).toEqual(expected);
      expect(recipientsIn(all.flatMap((one) => [one, one.toLowerCase()]))).toEqual(expected);
    }),
  );
});

test("anything else is left to the checks, and too many are refused", () => {
  for (const to of [undefined, null, 7, { to: "ann" }, ["ann", 7]]) expect(recipientsIn(to)).toEqual([]);
  expect(recipientsIn("[ann")).toEqual(["[ann"]);
  expect(thrownBy(() => recipientsIn(Array.from({ length: 21 }, (_, i) => `p${i}`)))).toMatchObject({
    code: "bad_request",
    message: expect.stringContaining("21 recipients"),
  });
});
