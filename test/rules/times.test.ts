/** Times as people write them. */
import { expect, test } from "vitest";
import { numberWritten, timeOf } from "../../src/rules/times.ts";

const now = new Date(2026, 10, 26, 14, 30).getTime();
const local = (...at: [number, number, number, number?, number?]): number =>
  new Date(at[0], at[1] - 1, at[2], at[3] ?? 0, at[4] ?? 0).getTime();

test.each([
  ["90s", now - 90_000],
  ["15 min", now - 15 * 60_000],
  ["2h", now - 2 * 3_600_000],
  ["2 hours ago", now - 2 * 3_600_000],
  ["3d", now - 3 * 86_400_000],
  ["1w", now - 7 * 86_400_000],
  ["14:05", local(2026, 11, 26, 14, 5)],
  // Later than now: yesterday's.
  ["14:31", local(2026, 11, 25, 14, 31)],
  ["9:00", local(2026, 11, 26, 9, 0)],
  ["today", local(2026, 11, 26)],
  ["Yesterday", local(2026, 11, 25)],
  ["2026-11-24", local(2026, 11, 24)],
  ["2026-11-24 08:15", local(2026, 11, 24, 8, 15)],
  ["2026-11-24T08:15", local(2026, 11, 24, 8, 15)],
  ["2026-11-24T08:15:00Z", Date.UTC(2026, 10, 24, 8, 15)],
])("%s", (written, meant) => {
  expect(timeOf(written, now)).toBe(meant);
});

test.each(["", "soon", "25:00", "14:60", "2026-02-30", "2026-13-01", "2026-11-24 foo", "2x", "-2h", "1", "2024"])(
  "%j is no time",
  (written) => {
    expect(timeOf(written, now)).toBeUndefined();
  },
);

test("a number is a time in milliseconds, or the number of a message", () => {
  expect(numberWritten("time", "1764167400000", now)).toBe(1764167400000);
  expect(numberWritten("seq", "1764167400000100", now)).toBe(1764167400000100);
  expect(numberWritten("seq", "2h", now)).toBe((now - 7_200_000) * 1000);
  expect(numberWritten("seq", "soon", now)).toBeUndefined();
});
