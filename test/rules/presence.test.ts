import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BEAT_MS,
  type Busy,
  beatFor,
  busyUntil,
  hasElapsed,
  isBusy,
  isLive,
  isUnheard,
  LEASE_MS,
  NOT_BUSY,
  OFFLINE_AFTER_MS,
  presenceOf,
  type Session,
  SKEW_MS,
  untilBeat,
  untilTurn,
  wantsQuiet,
  withLongCommand,
} from "../../src/rules/presence.ts";

const NOW = 1_700_000_000_000;
const IDLE_BEAT_MS = 30_000;
const session = (more: Partial<Session> = {}): Session => ({
  host: "here",
  host_pid: 1,
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
  });

  test("only a session that does nothing, and for which nothing waits, reports less often", () => {
    const idle = { ...session({ presence: "idle" }), polls: false };
    expect(beatFor(idle, 0, 0, IDLE_BEAT_MS)).toBe(IDLE_BEAT_MS);
    expect(beatFor(idle, 1, 0, IDLE_BEAT_MS)).toBe(BEAT_MS);
    expect(beatFor(idle, 0, 1, IDLE_BEAT_MS)).toBe(BEAT_MS);
    expect(beatFor({ ...idle, polls: true }, 0, 0, IDLE_BEAT_MS)).toBe(BEAT_MS);
    expect(beatFor({ ...idle, busy_since: NOW, busy_for: 1000 }, 0, 0, IDLE_BEAT_MS)).toBe(BEAT_MS);
    for (const presence of ["active", "blocked"] as const)
      expect(beatFor({ ...idle, presence }, 0, 0, IDLE_BEAT_MS)).toBe(BEAT_MS);
  });

  test("whatever it is told and holds, it is heard when that is over, and renews its leases in time", () => {
    // Heard at 0; claims arrive some time later.
    const told = fc.constantFrom(undefined, BEAT_MS, 3_000, 29_999, IDLE_BEAT_MS);
    fc.assert(
      fc.property(told, fc.option(fc.integer({ min: 0, max: 40_000 })), (interval, claimsAt) => {
        let silence = 0;
        for (;;) {
          const holds = claimsAt !== null && silence >= claimsAt;
          const wait = untilBeat(silence, interval, holds ? 1 : 0);
          if (wait === 0) break;
          silence += Math.min(wait, BEAT_MS);
        }
        if (claimsAt === null) expect(silence).toBe(interval ?? BEAT_MS);
        else expect(silence).toBeLessThanOrEqual(Math.max(claimsAt, BEAT_MS) + BEAT_MS);
        expect(2 * BEAT_MS).toBeLessThan(LEASE_MS);
      }),
    );
  });

  test("an idle session is heard once in each interval, at its turn, and not again when it comes a little early or late", () => {
    const id = fc.stringMatching(/^[0-9a-f]{32}$/);
    const interval = fc.integer({ min: 11, max: 60 }).map((seconds) => seconds * 1_000);
    fc.assert(
      fc.property(id, interval, fc.nat(), fc.integer({ min: -1_000, max: 1_000 }), (peerId, length, later, off) => {
        const first = untilTurn(peerId, length, NOW + later);
        expect(first).toBeGreaterThanOrEqual(length / 10);
        expect(first).toBeLessThan(1.1 * length);
        const next = untilTurn(peerId, length, NOW + later + first + off);
        expect(next).toBe(length - off);
      }),
    );
  });

  test("a thousand idle sessions take turns: many are heard in one go, and a few at a time", () => {
    const ids = Array.from({ length: 1_000 }, (_, i) => createHash("sha256").update(`${i}`).digest("hex").slice(0, 32));
    const turns = new Map<number, number>();
    for (const id of ids) {
      const turn = untilTurn(id, IDLE_BEAT_MS, NOW) % IDLE_BEAT_MS;
      turns.set(turn, (turns.get(turn) ?? 0) + 1);
    }
    expect(turns.size).toBeLessThanOrEqual(120);
    expect(Math.max(...turns.values())).toBeLessThan(25);
  });

  test("a session that has ended is offline at once", () => {
    expect(isLive(session({ presence: "offline" }), NOW)).toBe(false);
  });

  test("a live session is shown as it last reported", () => {
    expect(presenceOf(session({ presence: "idle" }), NOW)).toBe("idle");
    expect(presenceOf(session({ presence: "active" }), NOW)).toBe("active");
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

  test("a session last seen far in the future counts as offline", () => {
    const before = NOW - SKEW_MS - 1;
    expect(isLive(session(), before)).toBe(false);
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
