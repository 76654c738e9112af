import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resolveMessage, shortMessageId } from "../../src/rules/address.ts";
import { thrownBy } from "../support/thrown.ts";

describe("a short message id", () => {
  /** UUIDs of a few moments with few different tails, so that short ids often clash; and ids that clients made. */
  const messageId = fc.oneof(
    fc
      .tuple(
        fc.constantFrom("01a21529", "01a21530"),
        fc.array(fc.constantFrom("0", "4"), { minLength: 8, maxLength: 8 }),
      )
      .map(([time, tail]) => `${time}-b89e-7ea7-8b80-7a21${tail.join("")}`),
    fc.stringMatching(/^[A-Za-z0-9_-]{8,12}$/),
  );

  test("as it is shown means this message and no other of those around it", () => {
    fc.assert(
      fc.property(fc.uniqueArray(messageId, { minLength: 1, maxLength: 12 }), (ids) => {
        for (const id of ids) expect(resolveMessage(shortMessageId(id, ids), ids)).toBe(id);
      }),
      { numRuns: 500 },
    );
  });

  test("is eight random digits, never the time", () => {
    expect(shortMessageId("01a21529-b89e-7ea7-8b80-7a214ad570c5")).toBe("4ad570c5");
  });

  test("shorter than six characters fits nothing; one that fits several names them", () => {
    const ids = ["01a21529-b89e-7ea7-8b80-7a214ad570c5", "01a21529-b89e-7ea7-8b80-7a214ad571c5"];
    expect(resolveMessage("4ad57", ids)).toBeUndefined();
    const error = thrownBy(() => resolveMessage("01a215", ids));
    expect(error).toMatchObject({ code: "ambiguous" });
    for (const id of ids) expect(error.message).toContain(id);
  });
});
