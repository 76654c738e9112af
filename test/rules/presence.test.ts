import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BEAT_MS,
  type Busy,
  beatFor,
  busyUntil,
  hasElapsed,
  holdsName,
  IDLE_BEAT_MS,
  isBeatDue,
  isBusy,
  isLive,
  isUnheard,
  LEASE_MS,
  NAME_HOLD_MS,
  NOT_BUSY,
  OFFLINE_AFTER_MS,
  presenceOf,
  type Session,
  SKEW_MS,
  wantsQuiet,
  withLongCommand,
} from "../../src/rules/presence.ts";

const NOW = 1_700_000_000_000;
const session = (more: Partial<Session> = {}): Session => ({
  host: "here",
  claude_pid: 1,
  last_seen: NOW,
  presence: "active",
  beat_ms: BEAT_MS,
  ...NOT_BUSY,
  ...more,
});

describe("presence", () => {
  test("a session is live until its heartbeats stop for too long", () => {
    expect(isLive(session(), NOW + OFFLINE_AFTER_MS - 1)).toBe(true);
    expect(isLive(session(), NOW + OFFLINE_AFTER_MS)).toBe(false);
    expect(presenceOf(session(), NOW + OFFLINE_AFTER_MS)).toBe("offline");
  });

  test("a session that was told to report less often is live for longer, by as much", () => {
    const idle = session({ presence: "idle", beat_ms: IDLE_BEAT_MS });
    const end = NOW + OFFLINE_AFTER_MS + IDLE_BEAT_MS - BEAT_MS;
    expect(isLive(idle, end - 1)).toBe(true);
    expect(isLive(idle, end)).toBe(false);
    expect(isUnheard(session(), NOW + 25_001)).toBe(true);
    expect(isUnheard(idle, NOW + 65_000)).toBe(false);
    // A broker of an older version takes any session for gone after this time.
    expect(IDLE_BEAT_MS + BEAT_MS / 2).toBeLessThan(OFFLINE_AFTER_MS);
  });

  test("only a session that does nothing, and for which nothing waits, reports less often", () => {
    const idle = { ...session({ presence: "idle" }), polls: false };
    expect(beatFor(idle, 0, 0)).toBe(IDLE_BEAT_MS);
    expect(beatFor(idle, 1, 0)).toBe(BEAT_MS);
    expect(beatFor(idle, 0, 1)).toBe(BEAT_MS);
    expect(beatFor({ ...idle, polls: true }, 0, 0)).toBe(BEAT_MS);
    expect(beatFor({ ...idle, busy_since: NOW, busy_for: 1000 }, 0, 0)).toBe(BEAT_MS);
    for (const presence of ["active", "blocked"] as const) expect(beatFor({ ...idle, presence }, 0, 0)).toBe(BEAT_MS);
  });

  test("whenever it looks and whatever it holds, it is heard within its interval, and renews its leases in time", () => {
    // Heard at 0; looks every BEAT_MS from some moment on. Claims arrive at some look.
    const first = fc.integer({ min: 0, max: BEAT_MS });
    const told = fc.constantFrom(undefined, BEAT_MS, IDLE_BEAT_MS);
    fc.assert(
      fc.property(first, told, fc.option(fc.nat(6)), (phase, interval, claimsAt) => {
        let silence = phase;
        let look = 0;
        const claims = (): number => (claimsAt !== null && look >= claimsAt ? 1 : 0);
        while (!isBeatDue(silence, interval, claims())) {
          silence += BEAT_MS;
          look += 1;
        }
        expect(silence).toBeLessThanOrEqual((interval ?? BEAT_MS) + BEAT_MS / 2);
        if (claimsAt !== null) expect(look).toBeLessThanOrEqual(claimsAt);
        expect(BEAT_MS).toBeLessThan(LEASE_MS);
      }),
    );
  });

  test("a session that has ended is offline at once", () => {
    expect(isLive(session({ presence: "offline" }), NOW)).toBe(false);
  });

  test("a live session is shown as it last reported", () => {
    expect(presenceOf(session({ presence: "idle" }), NOW)).toBe("idle");
    expect(presenceOf(session({ presence: "active" }), NOW)).toBe("active");
  });

  test("a name is kept for a day, and while mail waits", () => {
    const gone = session({ presence: "offline" });
    expect(holdsName({ ...gone, waiting: 0 }, NOW + NAME_HOLD_MS - 1)).toBe(true);
    expect(holdsName({ ...gone, waiting: 0 }, NOW + NAME_HOLD_MS)).toBe(false);
    expect(holdsName({ ...gone, waiting: 1 }, NOW + 100 * NAME_HOLD_MS)).toBe(true);
  });
});

describe("when the clock is set back", () => {
  test("nothing stays locked until it catches up", () => {
    fc.assert(
      fc.property(fc.integer({ min: SKEW_MS + 1 }), fc.nat(), (behind, length) => {
        expect(hasElapsed(NOW, length, NOW - behind)).toBe(true);
      }),
    );
  });

  test("a time slightly ahead, from another broker's clock, counts as now", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: SKEW_MS }), fc.nat(), (behind, length) => {
        expect(hasElapsed(NOW, length, NOW - behind)).toBe(false);
      }),
    );
  });

  test("a span has elapsed exactly after its length", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (length, later) => {
        expect(hasElapsed(NOW, length, NOW + later)).toBe(later >= length);
      }),
    );
  });

  test("a session last seen far in the future counts as offline, and its name as free", () => {
    const before = NOW - SKEW_MS - 1;
    expect(isLive(session(), before)).toBe(false);
    expect(holdsName({ ...session({ presence: "offline" }), waiting: 0 }, before)).toBe(false);
  });
});

describe("a busy signal", () => {
  const MINUTE = 60_000;
  const busy = (busy_for: number | null): Busy => ({ busy_reason: "the tests", busy_since: NOW, busy_for });
  const estimate = fc.integer({ min: 1000, max: 86_400_000 });

  test("ends after 1.5 times the estimate, and shows when it expects to be ready", () => {
    fc.assert(
      fc.property(estimate, fc.integer({ min: 0, max: 200_000_000 }), (length, later) => {
        const holds = later < length * 1.5;
        const now = NOW + later;
        expect(isBusy(busy(length), now)).toBe(holds);
        expect(wantsQuiet(busy(length), now)).toBe(holds);
        expect(busyUntil(busy(length), now)).toBe(holds ? NOW + length : undefined);
        expect(presenceOf(session({ ...busy(length), last_seen: now }), now)).toBe(holds ? "busy" : "active");
      }),
      {
        examples: [
          [10 * MINUTE, 15 * MINUTE - 1],
          [10 * MINUTE, 15 * MINUTE],
        ],
      },
    );
  });

  test("of a long command lasts as long as the command, and does not ask for quiet", () => {
    fc.assert(
      fc.property(fc.nat(), (later) => {
        expect(isBusy(busy(null), NOW + later)).toBe(true);
        expect(wantsQuiet(busy(null), NOW + later)).toBe(false);
        expect(busyUntil(busy(null), NOW + later)).toBeUndefined();
      }),
    );
  });

  test("ends when the clock is set back before its start, so that mail does not wait for the clock", () => {
    fc.assert(
      fc.property(estimate, fc.integer({ min: SKEW_MS + 1 }), (length, behind) => {
        expect(isBusy(busy(length), NOW - behind)).toBe(false);
        expect(wantsQuiet(busy(length), NOW - behind)).toBe(false);
        expect(busyUntil(busy(length), NOW - behind)).toBeUndefined();
      }),
    );
  });

  test("is absent without a reason and start", () => {
    expect(isBusy(NOT_BUSY, NOW)).toBe(false);
    expect(wantsQuiet(NOT_BUSY, NOW)).toBe(false);
    expect(busyUntil(NOT_BUSY, NOW)).toBeUndefined();
  });

  test("does not hide that a session is blocked or offline", () => {
    expect(presenceOf(session({ ...busy(MINUTE), presence: "blocked" }), NOW)).toBe("blocked");
    expect(presenceOf(session({ ...busy(MINUTE), presence: "offline" }), NOW)).toBe("offline");
    expect(presenceOf(session({ ...busy(86_400_000) }), NOW + OFFLINE_AFTER_MS)).toBe("offline");
  });

  test("of the peer itself takes precedence over a long command, whose own signal ends with it", () => {
    const own = busy(10 * MINUTE);
    const command = { busy_reason: "a long command", busy_since: NOW, busy_for: null };
    expect(withLongCommand(own, NOW, NOW + MINUTE)).toEqual(own);
    expect(withLongCommand(own, undefined, NOW + MINUTE)).toEqual(own);
    expect(withLongCommand(NOT_BUSY, NOW, NOW + MINUTE)).toEqual(command);
    expect(withLongCommand(command, NOW, NOW + MINUTE)).toEqual(command);
    expect(withLongCommand(command, undefined, NOW + MINUTE)).toEqual(NOT_BUSY);
    expect(withLongCommand(own, NOW, NOW + 15 * MINUTE)).toEqual(command);
    expect(withLongCommand(own, undefined, NOW + 15 * MINUTE)).toEqual(NOT_BUSY);
    expect(withLongCommand(NOT_BUSY, undefined, NOW)).toEqual(NOT_BUSY);
  });
});
