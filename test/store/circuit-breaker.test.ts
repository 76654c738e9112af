import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { circuitBreaker } from "../../src/store/drivers/circuit-breaker.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const OPEN_MS = 200;
const down = new Error("the database does not answer");

test("fails at once while open, then lets one probe through", () => {
  const breaker = circuitBreaker(OPEN_MS);
  breaker.enter()();
  breaker.failed(down);
  expect(() => breaker.check()).toThrow(down);
  expect(() => breaker.enter()).toThrow(down);
  vi.advanceTimersByTime(OPEN_MS);
  const leave = breaker.enter();
  expect(() => breaker.enter()).toThrow(down);
  leave();
  breaker.enter();
});

test("closes when the probe succeeds, and opens again when it fails", () => {
  const breaker = circuitBreaker(OPEN_MS);
  breaker.failed(down);
  vi.advanceTimersByTime(OPEN_MS);
  const failing = breaker.enter();
  breaker.failed(down);
  failing();
  expect(() => breaker.enter()).toThrow(down);
  vi.advanceTimersByTime(OPEN_MS);
  const working = breaker.enter();
  breaker.succeeded();
  working();
  for (let i = 0; i < 3; i++) breaker.enter();
});
