import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deliveryStates } from "../../src/rules/delivery.ts";
import { isDeletable, isFinal, type RetentionPolicy, retentionCutoff } from "../../src/rules/retention.ts";

const DAY = 86_400_000;
const START = 1_800_000_000_000;
const moment = fc.integer({ min: START, max: START + 200 * DAY });
const later = fc.option(moment, { nil: null });
const delivery = fc.record({
  state: fc.constantFrom(...deliveryStates),
  delivered_at: later,
  read_at: later,
  expires_at: later,
});
const finished = delivery.filter(isFinal);
const days = fc.integer({ min: 0, max: 120 });
const keep: fc.Arbitrary<Pick<RetentionPolicy, "keep_read_days" | "keep_failed_days">> = fc.record({
  keep_read_days: days,
  keep_failed_days: days,
});

describe("a message", () => {
  test("is never deleted while a delivery is queued, claimed, delivered or held", () => {
    const open = delivery.filter((d) => !isFinal(d));
    fc.assert(
      fc.property(moment, fc.array(delivery), open, keep, moment, (sentAt, others, one, kept, now) => {
        expect(isDeletable(sentAt, [...others, one], kept, now + 10_000 * DAY)).toBe(false);
      }),
    );
  });

  test("is never deleted within its retention period, or if that is for ever", () => {
    fc.assert(
      fc.property(moment, fc.array(finished, { maxLength: 4 }), keep, moment, (sentAt, all, kept, now) => {
        if (!isDeletable(sentAt, all, kept, now)) return;
        const failed = all.some((d) => d.state !== "read");
        const whole = failed ? kept.keep_failed_days : kept.keep_read_days;
        expect(whole).toBeGreaterThan(0);
        for (const at of [sentAt, ...all.map((d) => d.read_at ?? sentAt)])
          expect(now - at).toBeGreaterThanOrEqual(whole * DAY);
      }),
    );
  });

  test("can be deleted eventually, and stays deletable", () => {
    fc.assert(
      fc.property(
        moment,
        fc.array(finished, { maxLength: 4 }),
        keep,
        moment,
        fc.nat(),
        (sentAt, all, kept, now, more) => {
          const whole = all.some((d) => d.state !== "read") ? kept.keep_failed_days : kept.keep_read_days;
          expect(isDeletable(sentAt, all, kept, START + 1_000 * DAY)).toBe(whole > 0);
          if (isDeletable(sentAt, all, kept, now)) expect(isDeletable(sentAt, all, kept, now + more)).toBe(true);
        },
      ),
    );
  });

  test("is kept from its last change, not from sending", () => {
    const kept = { keep_read_days: 30, keep_failed_days: 90 };
    const read = {
      state: "read" as const,
      delivered_at: START + 40 * DAY,
      read_at: START + 41 * DAY,
      expires_at: null,
    };
    expect(isDeletable(START, [read], kept, START + 70 * DAY)).toBe(false);
    expect(isDeletable(START, [read], kept, START + 71 * DAY)).toBe(true);
    // A deadline that passed after reading is not a change.
    expect(isDeletable(START, [{ ...read, expires_at: START + 60 * DAY }], kept, START + 71 * DAY)).toBe(true);
    const expired = { state: "expired" as const, delivered_at: null, read_at: null, expires_at: START + 20 * DAY };
    expect(isDeletable(START, [read, expired], kept, START + 130 * DAY)).toBe(false);
    expect(isDeletable(START, [read, expired], kept, START + 131 * DAY)).toBe(true);
    expect(isDeletable(START, [], kept, START + 30 * DAY)).toBe(true);
    expect(retentionCutoff(0, START)).toBe(Number.NEGATIVE_INFINITY);
  });
});
