import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  hasRoom,
  isNearlyFull,
  MAX_MAILBOX_CHARACTERS,
  type MailSource,
  mailboxFullError,
  requireBelow,
} from "../../src/rules/quotas.ts";
import { thrownBy } from "../support/thrown.ts";

const backlog = { messages: fc.nat(5000), characters: fc.nat(MAX_MAILBOX_CHARACTERS * 3) };
const box = fc.record({ ...backlog, own: fc.record(backlog) });
const limit = fc.integer({ min: 1, max: 3000 });

describe("a mailbox", () => {
  test("accepts anybody's mail within both limits, nobody's beyond twice of them, and the operator's always", () => {
    fc.assert(
      fc.property(box, limit, (full, most) => {
        const within = (factor: number) =>
          full.messages < most * factor && full.characters < MAX_MAILBOX_CHARACTERS * factor;
        if (within(1)) expect(hasRoom(full, "peer", most)).toBe(true);
        if (!within(2))
          for (const source of ["peer", "report", "task"] as const) expect(hasRoom(full, source, most)).toBe(false);
        expect(hasRoom(full, "operator", most)).toBe(true);
      }),
    );
  });

  test("says that it is nearly full exactly when it matters whose mail it is", () => {
    fc.assert(
      fc.property(box, limit, (full, most) => {
        const other = { ...full, own: { messages: 0, characters: 0 } };
        if (!isNearlyFull(full, most)) expect(hasRoom(full, "peer", most)).toBe(hasRoom(other, "peer", most));
        expect(isNearlyFull(full, 0)).toBe(false);
      }),
    );
  });

  test("that accepts a peer's mail accepts every other source, and a fuller one never accepts more", () => {
    const order: MailSource[] = ["peer", "report", "task", "operator"];
    fc.assert(
      fc.property(box, limit, fc.nat(500), (full, most, more) => {
        const takes = order.map((source) => hasRoom(full, source, most));
        expect(takes).toEqual([...takes].sort());
        const fuller = { ...full, messages: full.messages + more, characters: full.characters + more };
        for (const source of order) if (hasRoom(fuller, source, most)) expect(hasRoom(full, source, most)).toBe(true);
      }),
    );
  });

  test("without a limit accepts everything", () => {
    fc.assert(
      fc.property(box, (full) => {
        expect(hasRoom(full, "peer", 0)).toBe(true);
      }),
    );
  });

  test("that is full gives the sender an error with a hint", () => {
    const error = mailboxFullError("bob", { messages: 2000, characters: 5 });
    expect(error.code).toBe("rate_limited");
    expect(error.message).toBe("bob's mailbox is full (at least 2000 messages wait): nothing was sent to it.");
    expect(error.hint).not.toBe("");
  });
});

test("a count at its limit is refused, a lower one accepted", () => {
  fc.assert(
    fc.property(fc.nat(100), fc.integer({ min: 1, max: 100 }), (count, most) => {
      if (count < most) return requireBelow(count, most, "Too many", "Stop.");
      const error = thrownBy(() => requireBelow(count, most, "Too many", "Stop."));
      expect(error).toMatchObject({ code: "rate_limited", message: `Too many (${count}; the limit is ${most}).` });
    }),
  );
  requireBelow(1_000_000, 0, "Too many", "Stop.");
});
