import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  estimatedTokens,
  isWithinWakeLimit,
  type Limits,
  type RecentSends,
  trippedGuard,
} from "../../src/rules/guards.ts";

const NOW = 1_700_000_000_000;
const limits: Limits = {
  sends_per_minute: 600,
  sends_per_pair: 300,
  repeat_seconds: 60,
  hops: 20,
  wakes_per_hour: 60,
  mailbox_messages: 2000,
  peers: 10_000,
};
const none: Limits = {
  sends_per_minute: 0,
  sends_per_pair: 0,
  repeat_seconds: 0,
  hops: 0,
  wakes_per_hour: 0,
  mailbox_messages: 0,
  peers: 0,
};
const quiet: RecentSends = { all: 0, same: 0, repeated_at: null };

const sent = fc.record({
  all: fc.nat(2000),
  same: fc.nat(1000),
  repeated_at: fc.option(fc.integer({ min: NOW - 59_000, max: NOW }), { nil: null }),
});

describe("a guard", () => {
  test("accepts ordinary messages", () => {
    expect(trippedGuard(limits, quiet, 3, "bob", NOW)).toBeUndefined();
    expect(trippedGuard(limits, { all: 599, same: 299, repeated_at: null }, 19, "bob", NOW)).toBeUndefined();
  });

  test.each([
    ["the same text again", { ...quiet, repeated_at: NOW - 5000 }, 0, "repeat", "5 s ago"],
    ["a long chain of replies", quiet, 20, "hops", "20 messages"],
    ["very many messages to one address", { ...quiet, same: 300 }, 0, "pair", "300 messages to bob"],
    ["very many messages", { ...quiet, all: 600 }, 0, "sender", "600 messages"],
  ] as const)("rejects %s, and says what to do", (_, was, hops, name, words) => {
    const tripped = trippedGuard(limits, was, hops, "bob", NOW);
    expect(tripped?.guard).toBe(name);
    expect(tripped?.message).toContain(words);
    expect(tripped?.hint).not.toBe("");
  });

  test("rejects nothing without a limit", () => {
    fc.assert(
      fc.property(sent, fc.nat(1000), (was, hops) => {
        expect(trippedGuard(none, was, hops, "bob", NOW)).toBeUndefined();
      }),
    );
  });

  test("that rejects some usage also rejects higher usage", () => {
    fc.assert(
      fc.property(sent, fc.nat(40), fc.nat(100), (was, hops, more) => {
        fc.pre(trippedGuard(limits, was, hops, "bob", NOW) !== undefined);
        const worse = { all: was.all + more, same: was.same + more, repeated_at: was.repeated_at };
        expect(trippedGuard(limits, worse, hops + more, "bob", NOW)).toBeDefined();
      }),
    );
  });
});

test("a session is woken up to its budget", () => {
  fc.assert(
    fc.property(fc.nat(200), (wakes) => {
      expect(isWithinWakeLimit(limits, wakes)).toBe(wakes < 60);
      expect(isWithinWakeLimit(none, wakes)).toBe(true);
    }),
  );
});

test("the token estimate grows with messages and characters", () => {
  expect(estimatedTokens(0, 0)).toBe(0);
  expect(estimatedTokens(1, 3500)).toBe(1057);
  expect(estimatedTokens(2, 3500)).toBeGreaterThan(estimatedTokens(1, 3500));
});
