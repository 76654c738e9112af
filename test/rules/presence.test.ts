import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  holdsName,
  isLive,
  isOver,
  NAME_HOLD_MS,
  presenceOf,
  READY,
  type Session,
  SILENT_MS,
} from "../../src/rules/presence.ts";

const NOW = 1_700_000_000_000;
const session = (more: Partial<Session> = {}): Session => ({
  host: "here",
  claude_pid: 1,
  last_seen: NOW,
  presence: "active",
  ...READY,
  ...more,
});

describe("who is there", () => {
  test("a session is there until it has been silent for too long", () => {
    expect(isLive(session(), NOW + SILENT_MS - 1)).toBe(true);
    expect(isLive(session(), NOW + SILENT_MS)).toBe(false);
    expect(presenceOf(session(), NOW + SILENT_MS)).toBe("offline");
  });

  test("a session that has ended is away at once", () => {
    expect(isLive(session({ presence: "offline" }), NOW)).toBe(false);
  });

  test("a session is shown as what it said last", () => {
    expect(presenceOf(session({ presence: "idle" }), NOW)).toBe("idle");
    expect(presenceOf(session({ presence: "active" }), NOW)).toBe("active");
  });

  test("a name is kept for a day, and for as long as mail waits", () => {
    const gone = session({ presence: "offline" });
    expect(holdsName({ ...gone, waiting: 0 }, NOW + NAME_HOLD_MS - 1)).toBe(true);
    expect(holdsName({ ...gone, waiting: 0 }, NOW + NAME_HOLD_MS)).toBe(false);
    expect(holdsName({ ...gone, waiting: 1 }, NOW + 100 * NAME_HOLD_MS)).toBe(true);
  });
});

describe("when the clock is set back", () => {
  test("nothing stays locked until it has caught up", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.nat(), (behind, length) => {
        expect(isOver(NOW, length, NOW - behind)).toBe(true);
      }),
    );
  });

  test("a span is over exactly when its length has passed", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (length, later) => {
        expect(isOver(NOW, length, NOW + later)).toBe(later >= length);
      }),
    );
  });

  test("a session seen in the future counts as away, and its name as free", () => {
    expect(isLive(session(), NOW - 1)).toBe(false);
    expect(holdsName({ ...session({ presence: "offline" }), waiting: 0 }, NOW - 1)).toBe(false);
  });
});
