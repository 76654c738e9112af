import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addressKey,
  answerCost,
  chargeBucket,
  type Failures,
  MAX_TARPIT_DELAY_MS,
  recordFailure,
  type TokenBucket,
  takeToken,
  tarpitDelayMs,
} from "../../src/rules/throttle.ts";

const NOW = 1_700_000_000_000;

describe("a token bucket", () => {
  test("never passes more than its capacity plus what was refilled", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.nat(300), { maxLength: 300 }),
        (perSecond, size, pauses) => {
          let bucket: TokenBucket | undefined;
          let now = NOW;
          let through = 0;
          for (const pause of pauses) {
            now += pause;
            const after = takeToken(bucket, perSecond, size, now);
            bucket = after.bucket;
            if (after.waitMs === 0) through++;
          }
          expect(through).toBeLessThanOrEqual(size + ((now - NOW) * perSecond) / 1000 + 1e-6);
        },
      ),
    );
  });

  test("has a token exactly after the time it names; a caller at the refill rate never waits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1, max: 50 }), (perSecond, size) => {
        let bucket: TokenBucket | undefined;
        for (let i = 0; i < size; i++) bucket = takeToken(bucket, perSecond, size, NOW).bucket;
        const { waitMs } = takeToken(bucket, perSecond, size, NOW);
        expect(waitMs).toBeGreaterThan(0);
        expect(takeToken(bucket, perSecond, size, NOW + waitMs).waitMs).toBe(0);
        if (waitMs > 1) expect(takeToken(bucket, perSecond, size, NOW + waitMs - 1).waitMs).toBeGreaterThan(0);
      }),
    );
  });

  test("lets a dear request through when one token is left, and makes its sender wait for it afterwards, not for ever", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 50 }),
        fc.nat(500),
        (perSecond, size, cost) => {
          const first = takeToken(undefined, perSecond, size, NOW, cost);
          expect(first.waitMs).toBe(0);
          const { waitMs } = takeToken(first.bucket, perSecond, size, NOW);
          expect(waitMs === 0).toBe(size - cost >= 1);
          expect(waitMs).toBeLessThanOrEqual(Math.ceil(((1 + size) * 1000) / perSecond));
          expect(chargeBucket(first.bucket, perSecond, size, NOW, cost).left).toBe(
            Math.max(-size, first.bucket.left - cost),
          );
        },
      ),
    );
  });

  test("ignores a clock that is set back", () => {
    const { bucket } = takeToken(undefined, 1, 5, NOW);
    expect(takeToken(bucket, 1, 5, NOW - 1_000_000).bucket.left).toBe(3);
  });
});

describe("wrong credentials", () => {
  const failed = (count: number): Failures | undefined => {
    let failures: Failures | undefined;
    for (let i = 0; i < count; i++) failures = recordFailure(failures, NOW);
    return failures;
  };

  test("are not delayed at first, then more and more, up to two seconds", () => {
    expect(tarpitDelayMs(undefined, NOW)).toBe(0);
    expect(tarpitDelayMs(failed(10), NOW)).toBe(0);
    expect(tarpitDelayMs(failed(11), NOW)).toBe(50);
    expect(tarpitDelayMs(failed(12), NOW)).toBe(100);
    expect(tarpitDelayMs(failed(100), NOW)).toBe(MAX_TARPIT_DELAY_MS);
    fc.assert(
      fc.property(fc.nat(200), (count) => {
        expect(tarpitDelayMs(failed(count + 1), NOW)).toBeGreaterThanOrEqual(tarpitDelayMs(failed(count), NOW));
      }),
    );
  });

  test("decay over time", () => {
    expect(tarpitDelayMs(failed(12), NOW + 12_000)).toBe(0);
    expect(tarpitDelayMs(failed(12), NOW - 12_000)).toBe(100);
  });
});

test("an answer costs more the longer it is, and a short one nothing", () => {
  expect([0, 8191, 8192, 220_901].map(answerCost)).toEqual([0, 0, 1, 26]);
});

test.each([
  ["127.0.0.1", "127.0.0.1"],
  ["::ffff:10.0.0.7", "10.0.0.7"],
  ["::1", "::1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::9", "2001:db8:1:2::/64"],
  ["2001:db8::5", "2001:db8:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  [undefined, ""],
])("the address %s counts as %s", (remote, key) => {
  expect(addressKey(remote)).toBe(key);
});
