import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toolFields } from "../../src/operations/surface/tool-list.ts";
import { type FieldType, understood } from "../../src/rules/toolinput.ts";

/** A value that a field takes, and what models and hosts write for it. */
function spelled({ type, enum: words }: FieldType): fc.Arbitrary<[proper: unknown, written: unknown]> {
  const spaces = fc.constantFrom("", " ", "\n");
  const around = (text: string) => fc.tuple(spaces, spaces).map(([before, after]) => before + text + after);
  const asText = (value: string | number | boolean) => {
    const [word, upper] = [String(value), String(value).toUpperCase()];
    return fc
      .oneof(fc.constant(value), around(word), around(upper))
      .map((written): [unknown, unknown] => [value, written]);
  };
  if (words) return fc.constantFrom(...words).chain(asText);
  if (type === "boolean") return fc.boolean().chain(asText);
  if (type === "integer")
    return fc
      .integer()
      .chain((n) => fc.constantFrom(n, `${n}`, ` ${n} `, `${n}.0`, n < 0 ? `${n}` : `+${n}`).map((w) => [n, w]));
  const plain = fc.string({ minLength: 1 }).map((text): [unknown, unknown] => [text, text]);
  return fc.oneof(
    plain,
    fc.oneof(fc.integer(), fc.boolean()).map((value): [unknown, unknown] => [String(value), value]),
  );
}

const call = fc.constantFrom(...Object.entries(toolFields)).chain(([tool, fields]) => {
  const parts = Object.entries(fields).map(([name, field]) => {
    const nothing = fc.constantFrom(undefined, null, ...(field.required ? [] : [""]));
    const leftOut = nothing.map((written): [string, unknown, unknown] => [name, undefined, written]);
    const given = spelled(field).map(([proper, written]): [string, unknown, unknown] => [name, proper, written]);
    return field.required ? given : fc.oneof(given, leftOut);
  });
  const unknown = fc.dictionary(
    fc.constantFrom("summary_text", "constructor", "__proto__", "recipient"),
    fc.jsonValue(),
  );
  return fc.tuple(fc.tuple(...parts), unknown).map(([written, more]) => ({ fields, tool, written, more }));
});

describe("the input of a tool", () => {
  test("means the same however its values are spelled, and whatever else is in it", () => {
    fc.assert(
      fc.property(call, ({ fields, written, more }) => {
        const proper = written.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
        const given = [...written.map(([name, , value]) => [name, value]), ...Object.entries(more)];
        const { input, ignored } = understood(fields, Object.fromEntries(given), 0);
        expect(input).toEqual(Object.fromEntries(proper));
        expect(ignored.sort()).toEqual(Object.keys(more).sort());
        // What is understood once stays as it is.
        expect(understood(fields, input, 0)).toEqual({ input, ignored: [] });
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["integer", "sixty"],
    ["integer", "1e3"],
    ["integer", "0x10"],
    ["integer", "2.5"],
    ["integer", "9".repeat(20)],
    ["integer", true],
    ["boolean", "yes"],
    ["boolean", 1],
    ["string", ["a list"]],
    ["string", { an: "object" }],
  ])("leaves what could mean something else to the checks: a %s written %j", (type, value) => {
    expect(understood({ field: { type } }, { field: value }, 0).input).toEqual({ field: value });
  });

  test("an empty text stays where there has to be one", () => {
    expect(understood({ text: { type: "string", required: true } }, { text: "" }, 0).input).toEqual({ text: "" });
  });
});

test("a time is taken as people write it, and left alone where it is none", () => {
  const now = 1_800_000_000_000;
  const fields = { since: { type: "integer", written: "time" }, before: { type: "integer", written: "seq" } };
  expect(understood(fields, { since: "2h", before: "1799999999999000" }, now).input).toEqual({
    since: now - 7_200_000,
    before: 1_799_999_999_999_000,
  });
  expect(understood(fields, { since: "soon", before: "1d" }, now).input).toEqual({
    since: "soon",
    before: (now - 86_400_000) * 1000,
  });
});
