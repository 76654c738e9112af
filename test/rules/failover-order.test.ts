import fc from "fast-check";
import { expect, test } from "vitest";
import { moveToEnd, shuffle } from "../../src/rules/failover-order.ts";

const places = fc.uniqueArray(fc.webAuthority(), { minLength: 1, maxLength: 16 });
const random = fc.double({ min: 0, max: 1, noNaN: true });

test("failures in any order keep every broker in the list, and the others in place", () => {
  fc.assert(
    fc.property(places, fc.array(fc.nat(20)), (all, failures) => {
      let order = all;
      for (const i of failures) {
        // Some failures are of addresses no longer in the list.
        const failed = all[i] ?? "gone";
        const before = order;
        order = moveToEnd(order, failed);
        expect([...order].sort()).toEqual([...all].sort());
        expect(order.filter((one) => one !== failed)).toEqual(before.filter((one) => one !== failed));
        if (all.includes(failed)) expect(order.at(-1)).toBe(failed);
      }
    }),
  );
});

test("a working broker is found after each other one failed once, and stays in use", () => {
  fc.assert(
    fc.property(places, fc.nat(15), (all, pick) => {
      const works = all[pick % all.length];
      let order = all;
      let tries = 0;
      for (; order[0] !== works && tries < all.length; tries++) order = moveToEnd(order, order[0] ?? "");
      expect(tries).toBeLessThan(all.length);
      // Late failures of others do not move it.
      for (const other of all) if (other !== works) order = moveToEnd(order, other);
      expect(order[0]).toBe(works);
    }),
  );
});

test("clients start at different brokers, each with the whole list", () => {
  fc.assert(
    fc.property(places, random, (all, chance) => {
      expect(shuffle(all, () => chance).sort()).toEqual([...all].sort());
    }),
  );
  // Evenly spaced instead of random numbers, one per client.
  const all = ["a", "b", "c"];
  const firsts = Array.from({ length: 30 }, (_, i) => shuffle(all, () => i / 30)[0]);
  for (const one of all) expect(firsts.filter((first) => first === one)).toHaveLength(10);
});
