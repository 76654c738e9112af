/** Settings are parsed without the schema library, but as the library would: it is the judge here. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { issueWords } from "../../src/platform/issues.ts";
import { parseGiven, parseSettings, type SettingName } from "../../src/platform/settings.ts";
import { thrownBy } from "../support/thrown.ts";

const flag = z.union([
  z.boolean(),
  z.enum(["true", "false", "1", "0"]).transform((word) => word === "true" || word === "1"),
]);
const number = z.coerce.number();

/** One setting of each type. */
const judges = {
  host: z.string().min(1).max(255),
  port: number.int().min(0).max(65_535),
  pool_absence_hours: number.positive().max(8760),
  database_pool: number.int().min(1).max(200),
  delivery: z.enum(["inject", "block", "stop"]),
  poll: flag,
  token: z.string().regex(/^[A-Za-z0-9._~+/=-]{1,512}$/, "a token is 1 to 512 letters, digits or . _ ~ + / = -"),
  database_url: z.string().min(1).max(2000).startsWith("postgres"),
} satisfies { [N in SettingName]?: z.ZodType };
const names = Object.keys(judges) as (keyof typeof judges)[];

const anything = fc.oneof(
  fc.integer({ min: -2, max: 70_000 }),
  fc.double({ min: -1, max: 9000 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0, 1, 65_535, 65_536, 8760, 200, 201),
  fc.oneof(fc.integer({ min: -2, max: 70_000 }), fc.double({ min: -1e12, max: 1e12, noNaN: true })).map(String),
  fc.constantFrom("", " 7 ", "0x10", "1e3", "1_0", "true", "false", "1", "0", "inject", "block", "postgres://h/d"),
  fc.string({ maxLength: 20 }),
  fc.constantFrom(254, 255, 256, 512, 513, 2000, 2001).map((length) => "x".repeat(length)),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.integer(), { maxLength: 2 }),
  fc.dictionary(fc.string({ maxLength: 3 }), fc.integer(), { maxKeys: 2 }),
);

/** What a value becomes, or why it is refused. */
function parsed(name: SettingName, given: unknown): unknown {
  try {
    return parseGiven({ [name]: given }, "Here")[name];
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  }
}

function judged(name: keyof typeof judges, given: unknown): unknown {
  const { data, error } = judges[name].safeParse(given);
  const [issue] = error?.issues ?? [];
  return issue ? `refused: Here: '${name}' (or CCT_${name.toUpperCase()}) ${issueWords(issue)}.` : data;
}

describe("a value of a setting", () => {
  test("is taken or refused as the schema library would, in the same words", () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), anything, (name, given) => {
        // What is neither a number nor text that is one is below.
        const isNumber = name === "port" || name === "pool_absence_hours" || name === "database_pool";
        fc.pre(!(isNumber && (typeof given === "string" ? given.trim() === "" : typeof given !== "number")));
        fc.pre(!(name === "database_url" && typeof given === "string" && !given.startsWith("postgres://h")));
        expect(parsed(name, given)).toEqual(judged(name, given));
      }),
      { numRuns: 1_000 },
    );
  });

  test("of a number is not made of what is no number", () => {
    for (const given of ["", " ", null, true, false, [], [1], {}])
      expect(parsed("port", given)).toBe("refused: Here: 'port' (or CCT_PORT) must be a number.");
  });
});

test("settings that nobody declared are named, and the others have their defaults", () => {
  expect(thrownBy(() => parseGiven({ prot: 1, colour: 2, port: 1 }, "Here")).line).toContain(
    "Here: does not take 'prot', 'colour'.",
  );
  expect(thrownBy(() => parseGiven(JSON.parse('{"__proto__": 1}'), "Here")).line).toContain("'__proto__'");
  for (const given of [null, [], "x"])
    expect(thrownBy(() => parseGiven(given, "Here")).line).toContain("must be an object");
  expect(parseGiven({ port: undefined }, "Here")).toEqual({});
  expect(parseSettings({ port: "1" }, "Here")).toMatchObject({ port: 1, delivery: "inject", poll: false });
});
