import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSemaphore } from "../../src/platform/semaphore.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const timeout = (): Error => new Error("timeout");

test("never more holders than permits; waiting callers get one in order", async () => {
  const semaphore = createSemaphore(2);
  const releases = [await semaphore.acquire(100, timeout), await semaphore.acquire(100, timeout)];
  const order: number[] = [];
  for (const i of [1, 2, 3])
    void semaphore.acquire(1_000, timeout).then((release) => {
      order.push(i);
      releases.push(release);
    });
  await vi.advanceTimersByTimeAsync(10);
  expect({ order, waiting: semaphore.waiting() }).toEqual({ order: [], waiting: 3 });
  releases.shift()?.();
  await vi.advanceTimersByTimeAsync(0);
  expect({ order, waiting: semaphore.waiting() }).toEqual({ order: [1], waiting: 2 });
  for (const release of releases.splice(0)) release();
  await vi.advanceTimersByTimeAsync(0);
  expect({ order, waiting: semaphore.waiting() }).toEqual({ order: [1, 2, 3], waiting: 0 });
});

test("a caller that waits too long gets its error and leaves the queue", async () => {
  const semaphore = createSemaphore(1);
  const release = await semaphore.acquire(100, timeout);
  const late = expect(semaphore.acquire(100, timeout)).rejects.toThrow("timeout");
  await vi.advanceTimersByTimeAsync(100);
  await late;
  expect(semaphore.waiting()).toBe(0);
  release();
  await semaphore.acquire(100, timeout);
});

test("releasing twice frees one permit", async () => {
  const semaphore = createSemaphore(1);
  const release = await semaphore.acquire(100, timeout);
  release();
  release();
  await semaphore.acquire(100, timeout);
  const second = expect(semaphore.acquire(100, timeout)).rejects.toThrow("timeout");
  await vi.advanceTimersByTimeAsync(100);
  await second;
});
