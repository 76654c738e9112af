/** What became of a message, in words, and how many it meets. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deliveryStates, hasFailed } from "../../../src/rules/delivery.ts";
import { interruptsMany, reachOf } from "../../../src/rules/talk/reach.ts";
import { fromHistory, type States } from "../../../src/rules/talk/row.ts";
import {
  countedWords,
  failedOf,
  heldOf,
  isUnread,
  onlyRecipient,
  stateOfAll,
  totalOf,
} from "../../../src/rules/texts/receipts.ts";
import { row } from "./rows.ts";

const states: fc.Arbitrary<States> = fc.dictionary(fc.constantFrom(...deliveryStates), fc.nat({ max: 50 }));

describe("what became of a message", () => {
  test("counts each recipient once, and names each failure and each held one", () => {
    fc.assert(
      fc.property(states, (counts) => {
        const of = { states: counts };
        const words = countedWords(of);
        expect(words === "nobody was there to get it").toBe(totalOf(of) === 0);
        const [failed, held] = [failedOf(of), heldOf(of)];
        expect(words.includes("failed")).toBe(failed > 0);
        expect(words.includes("held")).toBe(held > 0);
        if (failed > 0) expect(words).toContain(`, ${failed} failed`);
        if (held > 0) expect(words).toContain(`, ${held} held`);
      }),
    );
  });

  test("is as bad as the worst of it, and read only if all have read it", () => {
    fc.assert(
      fc.property(states, (counts) => {
        const state = stateOfAll({ states: counts });
        const some = deliveryStates.filter((one) => (counts[one] ?? 0) > 0);
        expect(state === "dead").toBe(some.some((one) => hasFailed({ state: one })));
        if (state === "read") expect(some).toEqual(["read"]);
        if (state === "held") expect(some).toContain("held");
      }),
    );
  });

  test("is unread for the person only while their own copy is", () => {
    const to = (peer_id: string, state: (typeof deliveryStates)[number]) =>
      row(1, { recipients: [{ peer_id, name: "who", state }] });
    expect(deliveryStates.filter((state) => isUnread(to("operator", state)))).toEqual([
      "queued",
      "claimed",
      "delivered",
    ]);
    expect(deliveryStates.filter((state) => isUnread(to("b2", state)))).toEqual([]);
  });

  test("is one recipient's only where there is no second one, also beyond those that are listed", () => {
    expect(onlyRecipient(row(1))?.name).toBe("bob");
    expect(onlyRecipient(row(1, { states: { queued: 2 } }))).toBeUndefined();
  });
});

describe("a message of the history", () => {
  const listed = {
    message_id: "m1",
    text: "hello",
    recipients: [
      { peer_id: "b2", name: "bob", state: "read" as const, attempts: 1, delivered_at: 5, read_at: 7 },
      { peer_id: "c3", name: "cat", state: "queued" as const, attempts: 0, delivered_at: null, read_at: null },
    ],
  };

  test("has the shape of the feed: counts of states, the whole length, and no empty times", () => {
    expect(fromHistory(listed)).toEqual({
      message_id: "m1",
      text: "hello",
      to_id: "b2",
      characters: 5,
      states: { read: 1, queued: 1 },
      recipients: [
        { peer_id: "b2", name: "bob", state: "read", delivered_at: 5, read_at: 7 },
        { peer_id: "c3", name: "cat", state: "queued" },
      ],
    });
  });

  test("takes the broker's counts where recipients are left out, and has no other side in a pool", () => {
    const many = { ...listed, pool: "den", characters: 900, states: [{ state: "read" as const, recipients: 70 }] };
    expect(fromHistory(many)).toMatchObject({ characters: 900, states: { read: 70 } });
    expect(fromHistory(many)).not.toHaveProperty("to_id");
  });
});

describe("how many sessions a message meets", () => {
  const peers = [{ presence: "idle" }, { presence: "active" }, { presence: "offline" }] as const;
  const pools = [
    { pool_id: "de17aa", name: "front", size: 9 },
    { pool_id: "aa55bb", name: "de17", size: 4 },
  ];
  test.each([
    ["@all", 2],
    [" @ALL ", 2],
    ["@front", 9],
    // A name wins over the beginning of an id.
    ["@de17", 4],
    ["@aa55", 4],
    ["@front/ann", 1],
    ["@nowhere", 1],
    ["@", 1],
    ["ann", 1],
    ["", 1],
  ])("%s: %i", (address, size) => {
    expect(reachOf(address, peers, pools)).toBe(size);
  });

  test("only an interrupt of many is asked about", () => {
    expect(interruptsMany("interrupt", 6)).toBe(true);
    expect(interruptsMany("interrupt", 5)).toBe(false);
    expect(interruptsMany("normal", 600)).toBe(false);
  });
});
