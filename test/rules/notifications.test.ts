/** Which needs are told when: each once, none for ever left out, and nothing in quiet hours. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseQuietHours } from "../../src/platform/quiet-hours.ts";
import { declaredSettings } from "../../src/platform/settings.ts";
import { type Need, needKinds } from "../../src/rules/attention.ts";
import {
  asTold,
  isQuiet,
  MAX_ATTEMPTS,
  minuteOfDay,
  newsOf,
  pauseAfter,
  subjectOf,
  type Told,
  upkeep,
} from "../../src/rules/notifications.ts";
import { needParts, needSentence } from "../../src/rules/texts/needs.ts";

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const DAY = 86_400_000;
const all = { kinds: needKinds, afterMs: 0 };

const made = fc
  .record({
    kind: fc.constantFrom(...needKinds),
    peer: fc.constantFrom("a", "b", "c"),
    name: fc.constantFrom("api", "web"),
    at: fc.integer({ min: NOW - DAY, max: NOW }),
    more: fc.integer({ min: 0, max: 3_600_000 }),
    count: fc.integer({ min: 1, max: 9 }),
    left: fc.integer({ min: 0, max: 20 * MINUTE }),
  })
  .map(({ kind, peer, at, more, count, left, name }): Need => {
    const which = kind === "dead" ? `dead.${peer}.${count}.x` : `${kind}.${peer}`;
    const base = {
      need_id: which,
      kind,
      peer_id: peer,
      name,
      at,
      changed_at: Math.min(NOW, at + more),
      count,
      detail: "a text",
    };
    return kind === "vote" ? { ...base, deadline: NOW + left, pool: "front" } : base;
  });
const needs = fc.uniqueArray(made, { selector: subjectOf, maxLength: 12 });

const memoryOf = (told: readonly Told[]): Map<string, Told> => new Map(told.map((one) => [one.subject, one]));

describe("what is told", () => {
  test("is told once: the same again is no news, at any later time", () => {
    fc.assert(
      fc.property(needs, fc.integer({ min: 0, max: 7 * DAY }), (open, later) => {
        const memory = memoryOf(newsOf(open, new Map(), all, NOW).map((need) => asTold(need, NOW)));
        const told = new Set(memory.keys());
        expect(newsOf(open, memory, all, NOW + later).filter((need) => told.has(subjectOf(need)))).toEqual([]);
      }),
    );
  });

  test("is everything, as soon as it is old enough; a vote five minutes before its end", () => {
    fc.assert(
      fc.property(needs, fc.integer({ min: 0, max: 60 }), (open, seconds) => {
        const news = newsOf(open, new Map(), { kinds: needKinds, afterMs: seconds * 1000 }, NOW);
        for (const need of open) {
          const isDue =
            need.kind === "vote" ? (need.deadline ?? 0) - NOW <= 5 * MINUTE : NOW - need.at >= seconds * 1000;
          expect(news.includes(need)).toBe(isDue);
        }
      }),
    );
  });

  test("is told again when there is more of it: held mail and dead letters after ten minutes, the rest at once", () => {
    fc.assert(
      fc.property(made, fc.integer({ min: 0, max: 20 * MINUTE }), (need, later) => {
        fc.pre(need.kind !== "vote");
        const memory = memoryOf([asTold(need, NOW)]);
        const more = {
          ...need,
          need_id: `${need.need_id}y`,
          changed_at: need.changed_at + 1,
          count: (need.count ?? 1) + 1,
        };
        const same = need.kind === "dead" ? more : { ...more, need_id: need.need_id };
        const waits = (need.kind === "held" || need.kind === "dead") && later < 10 * MINUTE;
        expect(newsOf([same], memory, all, NOW + later)).toHaveLength(waits ? 0 : 1);
      }),
    );
  });

  test("is only of the kinds that are asked for", () => {
    fc.assert(
      fc.property(needs, fc.subarray([...needKinds]), (open, kinds) => {
        for (const { kind } of newsOf(open, new Map(), { kinds, afterMs: 0 }, NOW)) expect(kinds).toContain(kind);
      }),
    );
  });

  test("has no text of a message in its sentence, and the same words in parts as in one", () => {
    fc.assert(
      fc.property(made, (need) => {
        const sentence = needSentence(need);
        expect(sentence).not.toContain(need.detail);
        expect(sentence).toContain(need.name);
        expect(
          needParts(need)
            .map((part) => (typeof part === "string" ? part : part.name))
            .join(""),
        ).toBe(sentence);
      }),
    );
  });
});

describe("the memory of what was told", () => {
  test("of dead letters follows those that were sent again: one more after that is news", () => {
    const dead = (count: number): Need => ({
      need_id: `dead.a.${count}.x`,
      kind: "dead",
      peer_id: "a",
      name: "api",
      at: NOW,
      changed_at: NOW,
      count,
      detail: "",
    });
    const memory = memoryOf([asTold(dead(3), NOW)]);
    expect(newsOf([dead(2)], memory, all, NOW + DAY)).toEqual([]);
    const { keep } = upkeep([dead(2)], memory, NOW + DAY);
    expect(newsOf([dead(3)], memoryOf(keep), all, NOW + DAY)).toHaveLength(1);
    expect(upkeep([], memory, NOW).forget).toEqual(["dead.a"]);
  });

  test("keeps what is gone for seven days, and is written no more than once an hour", () => {
    fc.assert(
      fc.property(made, fc.integer({ min: 0, max: 9 * DAY }), (need, later) => {
        const memory = memoryOf([asTold(need, NOW)]);
        expect(upkeep([], memory, NOW + later).forget).toHaveLength(need.kind === "dead" || later >= 7 * DAY ? 1 : 0);
        expect(upkeep([need], memory, NOW + later).keep).toHaveLength(later >= 60 * MINUTE ? 1 : 0);
      }),
    );
  });
});

test("of needs that are gone, the last thousand are remembered", () => {
  const told = Array.from({ length: 1_300 }, (_, i) => ({
    subject: `question.${i}`,
    level: NOW,
    told_at: NOW,
    seen_at: NOW + i,
  }));
  const { forget } = upkeep([], memoryOf(told), NOW + MINUTE);
  expect(forget.toSorted()).toEqual(
    told
      .slice(0, 300)
      .map(({ subject }) => subject)
      .toSorted(),
  );
});

describe("quiet hours", () => {
  test("are the hours between two times, also across midnight", () => {
    const minute = fc.integer({ min: 0, max: 1439 });
    fc.assert(
      fc.property(minute, minute, minute, (from, to, at) => {
        fc.pre(from !== to);
        const one = isQuiet({ from, to, zone: undefined }, at);
        // The rest of the day is the complement.
        expect(isQuiet({ from: to, to: from, zone: undefined }, at)).toBe(!one);
        expect(isQuiet({ from, to, zone: undefined }, from)).toBe(true);
        expect(isQuiet({ from, to, zone: undefined }, to)).toBe(false);
      }),
    );
  });

  test("follow the clock on the wall through summer time", () => {
    const at = (iso: string) => minuteOfDay(Date.parse(iso), "Europe/Berlin");
    // 22:30 on both days before, 02:30 as it is left out and as it comes twice, 06:59 and 07:00 after.
    expect(at("2026-03-28T21:30:00Z")).toBe(22 * 60 + 30);
    expect(at("2026-03-29T01:00:00Z")).toBe(3 * 60);
    expect(at("2026-03-29T04:59:00Z")).toBe(6 * 60 + 59);
    expect(at("2026-10-25T00:30:00Z")).toBe(at("2026-10-25T01:30:00Z"));
    expect(at("2026-10-25T06:00:00Z")).toBe(7 * 60);
    expect(minuteOfDay(Date.parse("2026-06-01T00:00:00Z"), "UTC")).toBe(0);
  });

  test("are understood as they are written, and nothing else is", () => {
    expect(parseQuietHours("22:00-07:30")).toEqual({ from: 1320, to: 450, zone: undefined });
    expect(parseQuietHours(" 09:05-09:06 Asia/Kathmandu ")).toEqual({ from: 545, to: 546, zone: "Asia/Kathmandu" });
    for (const text of ["", "22-7", "24:00-07:00", "07:00-07:00", "22:00-07:00 Nowhere/City", "22:00-07:00 UTC x"])
      expect(parseQuietHours(text)).toEqual(expect.any(String));
  });
});

test("a notification that fails is tried for about twenty minutes, ever more slowly", () => {
  const pauses = Array.from({ length: MAX_ATTEMPTS - 1 }, (_, i) => pauseAfter(i + 1));
  expect(pauses).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000]);
  expect(pauseAfter(1_000)).toBe(15 * MINUTE);
});

test("the setting knows every kind of need", () => {
  expect(declaredSettings.notify_kinds.parse([...needKinds])).toEqual({ value: [...needKinds] });
});
