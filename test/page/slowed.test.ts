/** What is drawn less often than it changes. */
import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { slowed } from "../../src/page/slowed.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("the first change shows at once, those right after it together, and the last one always", () => {
  const source = signal(0);
  const slow = slowed(source, 1_000);
  const seen: number[] = [];
  slow.subscribe((value) => seen.push(value));
  for (let at = 1; at <= 25; at++) {
    source.value = at;
    vi.advanceTimersByTime(100);
  }
  expect(seen).toEqual([0, 1, 10, 20]);
  vi.advanceTimersByTime(1_000);
  expect(slow.value).toBe(25);
  vi.advanceTimersByTime(5_000);
  source.value = 26;
  expect(slow.value).toBe(26);
});
