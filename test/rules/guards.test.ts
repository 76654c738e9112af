import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  chargeOf,
  estimatedTokens,
  guardOnReports,
  type Limits,
  mayAnybodyWake,
  mayWake,
  type RecentSends,
  trippedGuard,
} from "../../src/rules/guards.ts";

const NOW = 1_700_000_000_000;
/** Not for guards. */
const others = { peers: 0, pools: 0, devices: 0, services: 0, page: 200, idle_beat_ms: 30_000 };
const limits: Limits = {
  ...others,
  sends_per_minute: 600,
  sends_per_pair: 300,
  repeat_seconds: 60,
  hops: 20,
  wakes_per_hour: 60,
  mailbox_messages: 2000,
};
const none: Limits = {
  ...others,
  sends_per_minute: 0,
  sends_per_pair: 0,
  repeat_seconds: 0,
  hops: 0,
  wakes_per_hour: 0,
  mailbox_messages: 0,
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

test("a call whose effects are reported is refused at the same rate as messages", () => {
  expect(guardOnReports(limits, 599)).toBeUndefined();
  expect(guardOnReports(limits, 600)).toMatchObject({ guard: "reports", message: expect.stringContaining("600") });
  expect(guardOnReports(none, 1_000_000)).toBeUndefined();
});

test("a message and a task count once for each recipient, a report once for a hundred; each counts at least once", () => {
  expect((["peer", "task", "report"] as const).map((source) => chargeOf(source, 1000))).toEqual([1000, 1000, 10]);
  fc.assert(
    fc.property(fc.constantFrom("peer", "task", "report"), fc.nat(5000), (source, recipients) => {
      expect(chargeOf(source, recipients)).toBeGreaterThanOrEqual(1);
      expect(chargeOf(source, recipients + 1)).toBeGreaterThanOrEqual(chargeOf(source, recipients));
    }),
  );
});

describe("the wakes of a session", () => {
  /** One sender for each wake. */
  const wakesBy = (counts: Record<string, number>) => {
    const by = new Map<string | null, number>(Object.entries(counts));
    return { all: [...by.values()].reduce((sum, count) => sum + count, 0), by };
  };
  /** As many as one sender gets, when it tries for ever. */
  const used = (before: Record<string, number>, who: string): number => {
    const counts: Record<string, number> = { [who]: 0, ...before };
    while (mayWake(limits, wakesBy(counts), who)) counts[who] = (counts[who] ?? 0) + 1;
    return counts[who] ?? 0;
  };

  test("go to one sender up to three quarters; the others still get some, and the limit is never exceeded", () => {
    const ann = used({}, "ann");
    expect(ann).toBe(45);
    const bob = used({ ann }, "bob");
    expect(bob).toBe(6);
    const carol = used({ ann, bob }, "carol");
    const dan = used({ ann, bob, carol }, "dan");
    expect([carol, dan, used({ ann, bob, carol, dan }, "eve")]).toEqual([6, 3, 0]);
  });

  test("by any number of interrupts of one sender leave the others theirs", () => {
    expect(mayWake(limits, wakesBy({ ann: 500 }), "ann")).toBe(false);
    expect(mayWake(limits, wakesBy({ ann: 500 }), "bob")).toBe(true);
    expect(mayWake(limits, wakesBy({ ann: 500 }), null)).toBe(true);
  });

  test("that showed mail of several count once", () => {
    const by = new Map(["ann", "bob", "carol"].map((who) => [who, 20] as const));
    expect(mayAnybodyWake(limits, { all: 20, by })).toBe(true);
    expect(mayAnybodyWake(limits, { all: 60, by })).toBe(false);
  });

  test("are open to each when they are open to anybody, and without a limit to all", () => {
    const counts = fc.dictionary(fc.constantFrom("ann", "bob", "carol", "dan"), fc.nat(80));
    fc.assert(
      fc.property(counts, fc.constantFrom("ann", "bob", "eve", null), (all, who) => {
        const wakes = wakesBy(all);
        if (mayAnybodyWake(limits, wakes)) expect(mayWake(limits, wakes, who)).toBe(true);
        expect(mayWake(none, wakes, who)).toBe(true);
      }),
    );
  });
});

test("the token estimate grows with messages and characters", () => {
  expect(estimatedTokens(0, 0)).toBe(0);
  expect(estimatedTokens(1, 3500)).toBe(1057);
  expect(estimatedTokens(2, 3500)).toBeGreaterThan(estimatedTokens(1, 3500));
});
