/** Mail counts as read once it was seen for a second. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Sight, seenFor } from "../../src/page/sight.ts";

let sight: Sight;
let times: number;
beforeEach(() => {
  vi.useFakeTimers();
  times = 0;
  sight = seenFor(1_000, () => times++);
});
afterEach(() => {
  vi.useRealTimers();
});

test("a second in a row counts, once", () => {
  sight.see(true);
  vi.advanceTimersByTime(999);
  expect(times).toBe(0);
  vi.advanceTimersByTime(1);
  expect(times).toBe(1);
  vi.advanceTimersByTime(5_000);
  expect(times).toBe(1);
});

test("it does not count that the screen was visible only at the end of that second", () => {
  sight.see(false);
  vi.advanceTimersByTime(900);
  sight.see(true);
  vi.advanceTimersByTime(200);
  expect(times).toBe(0);
  vi.advanceTimersByTime(800);
  expect(times).toBe(1);
});

test("a break begins it again, and news meanwhile do not", () => {
  sight.see(true);
  vi.advanceTimersByTime(600);
  sight.see(true);
  vi.advanceTimersByTime(300);
  sight.see(false);
  sight.see(true);
  vi.advanceTimersByTime(900);
  expect(times).toBe(0);
  vi.advanceTimersByTime(100);
  expect(times).toBe(1);
});
