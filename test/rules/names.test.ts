import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SHORT_ID } from "../../src/rules/address.ts";
import {
  checkName,
  checkNotId,
  freeName,
  isName,
  looksLikeId,
  nameFrom,
  notAnId,
  stemOf,
} from "../../src/rules/names.ts";
import { checkPoolName } from "../../src/rules/pools.ts";
import { serviceName } from "../../src/rules/service-place.ts";
import { thrownBy } from "../support/thrown.ts";

const letters = fc.constantFrom(..."abcXYZ019._-");
const name = fc
  .array(letters, { minLength: 1, maxLength: 40 })
  .map((all) => all.join(""))
  .filter(isName);

describe("a name for a new peer", () => {
  test("is valid for any directory or title", () => {
    const titles = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("operator", "Operator", "  ", "...", "-".repeat(50), "ﬃ Ⅷ", "x".repeat(500), "é".repeat(99)),
    );
    fc.assert(
      fc.property(titles, (title) => {
        expect(isName(nameFrom(title))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("keeps the usable part of a title", () => {
    expect(nameFrom("My App (2)")).toBe("my-app-2");
    expect(nameFrom("Café Noir")).toBe("cafe-noir");
    expect(nameFrom("日本語")).toBe("session");
  });

  test("is never taken, ignoring case", () => {
    const crowd = fc.tuple(name, fc.nat(60)).map(([wanted, count]) => ({
      wanted,
      taken: [wanted.toUpperCase(), ...Array.from({ length: count }, (_, i) => `${wanted.slice(0, 34)}-${i + 2}`)],
    }));
    fc.assert(
      fc.property(crowd, fc.array(name), ({ wanted, taken }, others) => {
        const all = [...taken, ...others];
        const given = freeName(wanted, all);
        expect(all.map((one) => one.toLowerCase())).not.toContain(given.toLowerCase());
        expect(isName(given)).toBe(true);
      }),
    );
  });

  test("depends only on the wanted name and names with its stem", () => {
    const crowd = fc.record({ wanted: name, numbers: fc.array(fc.nat(12)), others: fc.array(name) });
    fc.assert(
      fc.property(crowd, ({ wanted, numbers, others }) => {
        const same = numbers.map((n) => (n < 2 ? wanted.toUpperCase() : `${wanted.slice(0, 34)}-${n}`));
        const all = [...same, ...others, `${wanted.slice(0, 20)}.2`, `${wanted}x`.slice(0, 40)];
        const key = (one: string): string => one.toLowerCase();
        const near = all.filter((one) => key(one) === key(wanted) || key(one).startsWith(key(stemOf(wanted))));
        expect(freeName(wanted, near)).toBe(freeName(wanted, all));
      }),
    );
  });

  test("is the wanted one if that is free", () => {
    fc.assert(
      fc.property(name, fc.array(name), (wanted, taken) => {
        fc.pre(!taken.some((one) => one.toLowerCase() === wanted.toLowerCase()));
        expect(freeName(wanted, taken)).toBe(wanted);
      }),
    );
  });
});

/** Ids as the broker makes them, and as hosts and clients do. */
const id = fc.oneof(
  fc.uuid().map((uuid) => uuid.replaceAll("-", "")),
  fc.uuid(),
);
/** What a reference accepts in place of an id, in any case. */
const idReference = fc.tuple(id, fc.integer({ min: SHORT_ID, max: 36 }), fc.boolean()).map(([whole, length, upper]) => {
  const part = whole.includes("-") ? whole : whole.slice(0, length);
  return upper ? part.toUpperCase() : part;
});

describe("a name that could be read as an id, or as the beginning of one,", () => {
  test("is refused for peers, pools and services, with another one to use", () => {
    fc.assert(
      fc.property(idReference, (text) => {
        for (const check of [checkName, checkPoolName, (name: string) => serviceName("web", name)]) {
          const error = thrownBy(() => check(text));
          expect(error.code).toBe("bad_request");
          expect(error.message).toContain("could be read as an id");
          const [, better = ""] = /'([^']+)'/.exec(error.hint) ?? [];
          expect(isName(better)).toBe(true);
        }
        expect(thrownBy(() => checkNotId(text, "a device's")).code).toBe("bad_request");
      }),
    );
  });

  test("gets another form where names are generated, numbered names included", () => {
    fc.assert(
      fc.property(idReference, fc.nat(20), (text, taken) => {
        const name = nameFrom(text);
        expect(isName(name)).toBe(true);
        const others = Array.from({ length: taken }, (_, i) => (i === 0 ? name : `${stemOf(name)}${i + 1}`));
        expect(looksLikeId(freeName(name, others))).toBe(false);
        expect(looksLikeId(serviceName(text, undefined))).toBe(false);
      }),
    );
    expect(nameFrom("DeadBeef")).toBe("deadbeef-1");
    expect(nameFrom("2026")).toBe("2026-1");
    expect(notAnId("cafe")).toBe("cafe-1");
  });

  test("is one that consists of at least four hexadecimal digits, and no other", () => {
    for (const fine of ["abc", "7", "cafes", "cafe-1", "dead.beef", "face_2", "x1234"]) {
      expect([fine, looksLikeId(fine), notAnId(fine), nameFrom(fine)]).toEqual([fine, false, fine, fine]);
    }
    for (const bad of ["cafe", "1234", "DEADBEEF", "a".repeat(40)]) expect(looksLikeId(bad)).toBe(true);
  });
});

describe("a chosen name", () => {
  test.each(["operator", "OPERATOR", "", "-a", "a-", "a b", "a/b", "@a", "ä", "a\n", "x".repeat(41), "dead", "1234"])(
    "%j is refused",
    (bad) => {
      expect(thrownBy(() => checkName(bad)).code).toBe("bad_request");
    },
  );

  test.each(["a", "7", "Api", "web.front_end-2", "x".repeat(40)])("%j is accepted unchanged", (good) => {
    expect(() => checkName(good)).not.toThrow();
  });
});
