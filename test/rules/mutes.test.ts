import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Mute, muteKinds, muteOf } from "../../src/rules/mutes.ts";

const NOW = 1_800_000_000_000;
const id = fc.constantFrom("a", "b", "c");
const mute: fc.Arbitrary<Mute> = fc.record({
  source: id,
  kind: fc.constantFrom(...muteKinds),
  by_name: fc.constant("operator"),
  set_at: fc.constant(NOW),
  until_at: fc.option(fc.integer({ min: NOW - 10, max: NOW + 10 }), { nil: null }),
});

describe("a mute", () => {
  test("holds exactly the mail of its peer or in its pool, while it lasts; of several the longest", () => {
    fc.assert(
      fc.property(fc.array(mute), id, fc.option(id, { nil: null }), (all, from, pool) => {
        const on = all.filter(
          (one) => (one.until_at ?? NOW + 1) > NOW && one.source === (one.kind === "peer" ? from : pool),
        );
        const found = muteOf(all, from, pool, NOW);
        expect(found === undefined).toBe(on.length === 0);
        if (!found) return;
        expect(on).toContain(found);
        const end = (one: Mute): number => one.until_at ?? Number.POSITIVE_INFINITY;
        expect(end(found)).toBe(Math.max(...on.map(end)));
      }),
    );
  });
});
