/** Alerts of commands that follow a broker: needs once, together, not in quiet hours, and that the broker is away. */
import { expect, test } from "vitest";
import { type Alert, alertsOnDesktop, createAlerts } from "../../src/cli/parts/alerts.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { CctError, type ErrorCode } from "../../src/platform/errors.ts";
import { tempHome } from "../support/folders.ts";
import { testWorld } from "../support/world.ts";

const NOW = 1_800_000_000_000;
const SECOND = 1_000;

const alerts = (settings: Record<string, string> = {}) =>
  createAlerts(loadConfig(testWorld({ CCT_HOME: tempHome(), CCT_NOTIFY_AFTER_SECONDS: "0", ...settings })));

const question = (id: string, name: string) => ({
  need_id: `question.${id}`,
  kind: "question" as const,
  at: NOW,
  changed_at: NOW,
  name,
  detail: "the text",
});

const bodyOf = (alert: Alert | undefined): string | undefined => alert?.body;

test("needs are shown once, and those that come within ten seconds together", () => {
  const one = alerts();
  const [ann, bob, carl] = [question("a", "ann"), question("b", "bob"), question("c", "carl")];
  expect(bodyOf(one.look([ann], NOW))).toBe("ann wrote to you");
  expect(one.look([ann, bob], NOW + 2 * SECOND)).toBeUndefined();
  expect(one.look([ann, bob, carl], NOW + 10 * SECOND)).toMatchObject({
    title: "2 things need you",
    body: "bob wrote to you\ncarl wrote to you",
    kind: "several",
  });
  expect(one.look([ann, bob, carl], NOW + 60 * SECOND)).toBeUndefined();
});

test("a broker that does not answer for fifteen seconds is shown once, and that it is back; its needs are not shown again", () => {
  const one = alerts();
  expect(bodyOf(one.look([question("a", "ann")], NOW))).toBe("ann wrote to you");
  expect(one.away(NOW + 2 * SECOND)).toBeUndefined();
  expect(one.look([], NOW + 4 * SECOND)).toBeUndefined();
  expect(one.away(NOW + 6 * SECOND)).toBeUndefined();
  expect(one.away(NOW + 20 * SECOND)).toBeUndefined();
  expect(one.away(NOW + 21 * SECOND)).toMatchObject({ kind: "away", isUrgent: true });
  expect(one.away(NOW + 99 * SECOND)).toBeUndefined();
  expect(one.look([question("a", "ann")], NOW + 100 * SECOND)).toMatchObject({ kind: "back" });
  expect(one.look([question("a", "ann")], NOW + 120 * SECOND)).toBeUndefined();
});

test("nothing is shown in quiet hours, and afterwards what still needs somebody; texts only where they are asked for", () => {
  // The clock begins at 08:00 in this zone.
  const one = alerts({ CCT_NOTIFY_QUIET: "07:00-08:30 UTC", CCT_NOTIFY_TEXT: "true" });
  expect(one.look([question("a", "ann"), question("b", "bob")], NOW)).toBeUndefined();
  expect(one.away(NOW)).toBeUndefined();
  expect(one.away(NOW + 60 * SECOND)).toBeUndefined();
  expect(bodyOf(one.look([question("a", "ann")], NOW + 31 * 60 * SECOND))).toBe("ann wrote to you: the text");
});

test("a broker that answers with faults of its own is away; one that limits the rate is not; a refused token ends it", () => {
  const one = alerts();
  const failed = (code: ErrorCode, seconds: number) => one.failed(new CctError(code, "x"), NOW + seconds * SECOND);
  for (const seconds of [0, 15, 99]) expect(failed("rate_limited", seconds)).toBeUndefined();
  expect(failed("store_failed", 100)).toBeUndefined();
  expect(failed("store_full", 108)).toBeUndefined();
  expect(failed("internal", 115)).toMatchObject({ kind: "away" });
  for (const code of ["unauthorized", "forbidden"] as const) expect(() => failed(code, 120)).toThrow(CctError);
  expect(() => one.failed(new TypeError("a fault of this program"), NOW)).toThrow(TypeError);
});

test("what the desktop does not show has a reason", async () => {
  const home = tempHome();
  const world = testWorld({ CCT_HOME: home, CCT_NOTIFY_AFTER_SECONDS: "0", DISPLAY: ":0", PATH: home });
  const alert = alertsOnDesktop(world, loadConfig(world));
  expect(await alert({ needs: [], now: NOW, isAway: false })).toBeUndefined();
  const wrong = await alert({ needs: [question("a", "ann")], now: NOW, isAway: false });
  expect(wrong).toMatch(/^there is no (notify-send|osascript)/);
});
