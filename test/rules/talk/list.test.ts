/** What a reader of a conversation has before them, however messages and pages come. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  MOST_IN_TALK,
  merged,
  newsOf,
  type Part as PartOf,
  trimmed,
  withFresh,
  withLatest,
  withNews,
  withoutNewest,
  withoutOldest,
} from "../../../src/rules/talk/list.ts";
import type { Row } from "../../../src/rules/talk/row.ts";
import { row, rows } from "./rows.ts";

type Part = PartOf<Row>;

const places = ({ list }: Part): number[] => list.map(({ seq }) => seq);
/** The latest page of a conversation of so many messages, as the broker answers. */
const pageOf = (count: number, size: number): Part => ({
  list: rows(Math.max(1, count - size + 1), count),
  ...(count > size && { before: count - size + 1 }),
});

describe("the open conversation", () => {
  test("has no hole after an interruption: older messages go if the latest page does not reach them", () => {
    const known: Part = { list: rows(1, 10) };
    const after = withLatest(known, pageOf(100, 50), 10);
    expect(places(after)).toEqual(places({ list: rows(51, 100) }));
    expect(after.before).toBe(51);
  });

  test("keeps older messages that the latest page reaches, and goes on before them", () => {
    const known: Part = { list: rows(20, 60), before: 20 };
    const after = withLatest(known, pageOf(70, 50), 60);
    expect(places(after)).toEqual(places({ list: rows(20, 70) }));
    expect(after.before).toBe(20);
  });

  test("keeps what came while the latest page was read", () => {
    const heard = withFresh<Row, Part>({ list: [] }, [row(101)], true);
    expect(places(withLatest(heard, pageOf(100, 50)))).toEqual(places({ list: rows(51, 101) }));
  });

  test("is whole, up to the oldest that it has, whatever is missed and when it is read again", () => {
    const step = fc.record({
      heard: fc.nat({ max: 30 }),
      missed: fc.nat({ max: 80 }),
      whileRead: fc.nat({ max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let count = 0;
        let part: Part = { list: [] };
        const hear = (some: number): void => {
          part = withFresh(part, rows(count + 1, count + some), true);
          count += some;
        };
        for (const { heard, missed, whileRead } of steps) {
          hear(heard);
          const gapAfter = part.list.at(-1)?.seq ?? 0;
          count += missed;
          const page = pageOf(count, 50);
          hear(whileRead);
          part = trimmed(withLatest(part, page, gapAfter));
          const first = part.list[0]?.seq ?? 1;
          expect(places(part)).toEqual(places({ list: rows(first, count) }));
          expect(part.before).toBe(first > 1 ? first : undefined);
        }
      }),
    );
  });

  test("can be read back and on without an end: messages at the other end make room, and none is left out between", () => {
    const size = 50;
    let part: Part = { list: rows(4_951, 5_000), before: 4_951 };
    const seen = new Set(places(part));
    while (part.before !== undefined) {
      const { before } = part;
      const older = rows(before - size, before - 1);
      part = withoutNewest(part, MOST_IN_TALK - size);
      part = { ...part, list: merged(older, part.list), before: before - size > 1 ? before - size : undefined };
      for (const place of places(part)) seen.add(place);
      expect(part.list.length).toBeLessThanOrEqual(MOST_IN_TALK);
    }
    expect(seen.size).toBe(5_000);
    expect(part.isPast).toBe(true);
    part = withoutOldest(part, MOST_IN_TALK - size);
    expect(part.before).toBe(part.list[0]?.seq);
  });

  test("keeps what its reader has scrolled back to, and says that it ends there", () => {
    const full: Part = { list: rows(1, MOST_IN_TALK) };
    const after = withFresh(full, [row(MOST_IN_TALK + 1)], false);
    expect(places(after)).toEqual(places(full));
    expect(after.isPast).toBe(true);
  });

  test("stays bounded where it is followed, and can be read back from its beginning", () => {
    let part: Part = { list: [] };
    for (let at = 1; at <= 5_000; at += 10) {
      part = trimmed(withFresh(part, rows(at, at + 9), true));
      expect(part.list.length).toBeLessThan(MOST_IN_TALK + 110);
    }
    expect(part.list.at(-1)?.seq).toBe(5_000);
    expect(part.before).toBe(part.list[0]?.seq);
  });
});

describe("news of a message", () => {
  const read = { message_id: "m2", states: { read: 1 }, recipients: [] };
  const news = new Map([["m2", read]]);

  test("draw it, and no other one", () => {
    const list = rows(1, 3);
    const after = withNews(list, news);
    expect(after.map((one, i) => one === list[i])).toEqual([true, false, true]);
    expect(after[1]?.states).toEqual({ read: 1 });
  });

  test("of other conversations draw nothing", () => {
    const list = rows(5, 8);
    expect(withNews(list, news)).toBe(list);
    expect(newsOf(row(5), news).states).toEqual({ queued: 1 });
  });

  test("leave its text, which the feed cuts", () => {
    const whole = row(2, { text: "x".repeat(1_000), characters: 1_000 });
    const heard = row(2, { text: "x".repeat(400), characters: 1_000, states: { claimed: 1 } });
    const [after] = withFresh<Row, Part>({ list: [whole] }, [heard], true).list;
    expect(after).toMatchObject({ text: whole.text, states: { claimed: 1 } });
  });
});
