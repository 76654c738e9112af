import fc from "fast-check";
import { expect, test } from "vitest";
import { resolveDevice } from "../../src/rules/devices.ts";
import { thrownBy } from "../support/thrown.ts";

const hex = fc.constantFrom("a", "b", "1");
const id = fc.array(hex, { minLength: 6, maxLength: 6 }).map((letters) => `${letters.join("")}${"0".repeat(26)}`);
/** Includes names from before names that look like ids were refused. */
const name = fc.oneof(
  fc.constantFrom("studio", "loft", "attic-2"),
  fc.array(hex, { minLength: 3, maxLength: 6 }).map((letters) => letters.join("")),
);
const devices = fc
  .uniqueArray(fc.record({ device_id: id, name }), { selector: (one) => one.name, maxLength: 10 })
  .map((all) => all.filter((one, i) => all.findIndex(({ device_id }) => device_id === one.device_id) === i));
const ref = fc.oneof(
  name,
  fc.tuple(id, fc.integer({ min: 0, max: 32 })).map(([whole, length]) => whole.slice(0, length)),
);

test("a reference finds one device by name or id; if it fits two, the error lists them", () => {
  fc.assert(
    fc.property(devices, ref, (all, wanted) => {
      const hits = all.filter((one) => one.name === wanted || (wanted.length >= 4 && one.device_id.startsWith(wanted)));
      const [only] = hits;
      if (only && hits.length === 1) return void expect(resolveDevice(wanted.toUpperCase(), all)).toBe(only);
      const error = thrownBy(() => resolveDevice(wanted, all));
      expect(error.code).toBe(only ? "ambiguous" : "not_found");
      for (const one of hits.slice(0, 8)) expect(error.message).toContain(`${one.name} (${one.device_id.slice(0, 8)})`);
    }),
    { numRuns: 1000 },
  );
});
