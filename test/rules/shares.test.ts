import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasShare, mailboxShare, type Share, wakeShare } from "../../src/rules/shares.ts";

const limit = fc.integer({ min: 1, max: 3000 });
const share = fc.oneof(limit.map(mailboxShare), limit.map(wakeShare));

/** Lets each in turn take as much as it gets; returns what each has in the end. */
function flood({ open, most, few }: Share, senders: number, all = 0): number[] {
  const used = Array(senders).fill(0) as number[];
  for (const i of used.keys())
    while (hasShare({ all, own: used[i] ?? 0 }, { open, most, few })) {
      used[i] = (used[i] ?? 0) + 1;
      all++;
    }
  return used;
}

describe("a share", () => {
  test("never lets all together exceed what there is, and gives the first whatever is open to anybody", () => {
    fc.assert(
      fc.property(share, fc.integer({ min: 1, max: 12 }), (one, senders) => {
        const used = flood(one, senders);
        expect(used.reduce((sum, count) => sum + count)).toBeLessThanOrEqual(one.most);
        expect(used[0]).toBeGreaterThanOrEqual(one.open);
      }),
    );
  });

  test("that is refused stays refused when more is used, by anybody", () => {
    fc.assert(
      fc.property(share, fc.nat(6000), fc.nat(3000), fc.nat(100), fc.nat(100), (one, all, own, more, mine) => {
        fc.pre(!hasShare({ all, own }, one));
        expect(hasShare({ all: all + more + mine, own: own + mine }, one)).toBe(false);
      }),
    );
  });
});

test("a mailbox that seven flood has room for an eighth, whatever its limit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 8, max: 3000 }), (most) => {
      const used = flood(mailboxShare(most), 8);
      expect(used[7]).toBeGreaterThanOrEqual(1);
    }),
  );
});
