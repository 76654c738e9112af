import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  hasRoom,
  MAX_MAILBOX_CHARACTERS,
  type MailSource,
  mailboxFullError,
  requireBelow,
} from "../../src/rules/quotas.ts";
import { thrownBy } from "../support/thrown.ts";

const box = fc.record({ messages: fc.nat(5000), characters: fc.nat(MAX_MAILBOX_CHARACTERS * 3) });
const limit = fc.integer({ min: 1, max: 3000 });

describe("a mailbox", () => {
  test("takes what there is room for by both measures, and always a person's word", () => {
    fc.assert(
      fc.property(box, limit, (full, most) => {
        expect(hasRoom(full, "peer", most)).toBe(full.messages < most && full.characters < MAX_MAILBOX_CHARACTERS);
        expect(hasRoom(full, "operator", most)).toBe(true);
      }),
    );
  });

  test("that takes a peer's mail takes all that is more urgent, and fuller it takes no more than before", () => {
    const order: MailSource[] = ["peer", "report", "task", "operator"];
    fc.assert(
      fc.property(box, limit, fc.nat(500), (full, most, more) => {
        const takes = order.map((source) => hasRoom(full, source, most));
        expect(takes).toEqual([...takes].sort());
        const fuller = { messages: full.messages + more, characters: full.characters + more };
        for (const source of order) if (hasRoom(fuller, source, most)) expect(hasRoom(full, source, most)).toBe(true);
      }),
    );
  });

  test("without a limit takes everything", () => {
    fc.assert(
      fc.property(box, (full) => {
        expect(hasRoom(full, "peer", 0)).toBe(true);
      }),
    );
  });

  test("that is full is named to the sender, with what to do", () => {
    const error = mailboxFullError("bob", { messages: 2000, characters: 5 });
    expect(error.code).toBe("rate_limited");
    expect(error.message).toBe("bob's mailbox is full (2000 messages wait): nothing was sent to it.");
    expect(error.hint).not.toBe("");
  });
});

test("what has reached its limit is refused with its number, and nothing before", () => {
  fc.assert(
    fc.property(fc.nat(100), fc.integer({ min: 1, max: 100 }), (count, most) => {
      if (count < most) return requireBelow(count, most, "Too many", "Stop.");
      const error = thrownBy(() => requireBelow(count, most, "Too many", "Stop."));
      expect(error).toMatchObject({ code: "rate_limited", message: `Too many (${count}; the limit is ${most}).` });
    }),
  );
  requireBelow(1_000_000, 0, "Too many", "Stop.");
});
