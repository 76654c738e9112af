/** Membership changes in one line. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { changes, type News, newsLine } from "../../src/rules/news.ts";

const joined = (name: string): News => ({ name, change: "joined", text: `${name} joined as "member".` });

describe("what changed in a pool", () => {
  test("is told in full while it is little, and in numbers when it is much", () => {
    expect(newsLine("deploy", ["ann", "ben"].map(joined))).toBe(
      '@deploy: ann joined as "member". ben joined as "member".',
    );
    const many = Array.from({ length: 39 }, (_, i) => joined(`p${i}`));
    const left: News = { name: "carl", change: "left", text: "carl left the pool." };
    expect(newsLine("deploy", [...many.slice(0, 3), left, ...many.slice(3)])).toBe(
      "@deploy: p0, p1 and 37 others joined. carl left the pool.",
    );
  });

  test("names only the last lead", () => {
    const lead = (name: string): News => ({ name, change: "lead", text: `${name} is the new lead.` });
    expect(newsLine("x", [lead("ann"), lead("ben")])).toBe("@x: ben is the new lead.");
  });

  test("however much it is, is short, and counts everybody once", () => {
    const news = fc.record({
      name: fc.stringMatching(/^[a-z]{1,40}$/),
      change: fc.constantFrom(...changes.filter((one) => one !== "lead")),
      text: fc.constant("."),
    });
    fc.assert(
      fc.property(fc.array(news, { maxLength: 300 }), (all) => {
        const line = newsLine("pool", all);
        expect(line.length).toBeLessThan(700);
        const inShort = [...line.matchAll(/and (\d+) others/g)].reduce((sum, [, count]) => sum + Number(count) + 2, 0);
        const inFull = changes
          .map((change) => all.filter((one) => one.change === change).length)
          .reduce((sum, count) => sum + (count <= 3 ? count : 0), 0);
        expect(inShort + inFull).toBe(all.length);
      }),
    );
  });
});
