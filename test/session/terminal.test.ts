/** A host that lives on when its terminal is closed: when its session leaves. */
import { expect, test } from "vitest";
import { claude } from "../../src/hosts/claude.ts";
import { gemini } from "../../src/hosts/gemini.ts";
import { leftAlone } from "../../src/session/terminal.ts";

function seat({ hasTerminal = true, host = gemini as Parameters<typeof leftAlone>[1] } = {}) {
  const now = { state: "idle" as "idle" | "active" | "blocked", ms: 0, hasTerminal };
  const isLeft = leftAlone({ steady: () => now.ms }, host, { state: () => now.state }, () => now.hasTerminal);
  return { now, isLeft };
}

test("an idle session leaves when its terminal is gone, and not before", () => {
  const { now, isLeft } = seat();
  expect(isLeft?.()).toBe(false);
  now.hasTerminal = false;
  expect(isLeft?.()).toBe(true);
});

test("a turn goes on without the terminal, but not for ever", () => {
  const { now, isLeft } = seat();
  Object.assign(now, { state: "active", hasTerminal: false });
  expect(isLeft?.()).toBe(false);
  now.ms += 599_000;
  expect(isLeft?.()).toBe(false);
  now.ms += 2_000;
  expect(isLeft?.()).toBe(true);
});

test("a session that began without a terminal stays, and so does one of another host", () => {
  expect(seat({ hasTerminal: false }).isLeft).toBeUndefined();
  expect(seat({ host: claude }).isLeft).toBeUndefined();
});
