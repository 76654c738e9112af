/** Seats: a session that is given a name finds the mailbox of the one that had it before. */
import { expect, test } from "vitest";
import { AGAIN } from "../../src/rules/texts/frames.ts";
import { startBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { away, nameOf, pidmap, records, send, start } from "./conversations.ts";

test("a name that is given again stays the same, with the mail that waited, dated and not marked; meanwhile another is -2", async () => {
  const broker = await startBroker();
  await away(broker, "reviewer", "c-1");
  const peer = records(broker.home).get("reviewer")?.peer_id;
  const day = (): string => new Date().toISOString().slice(0, 10);
  const before = day();
  await send(broker, "reviewer", "please review");
  // It may be midnight just now.
  const days = `(?:${before}|${day()})`;
  const clock = testClock();
  clock.forward(3_600_000);
  const heir = await start(broker.home, "reviewer", "c-2", { env: clock.env });
  expect(pidmap(broker.home, heir)).toBe(`${peer} reviewer`);
  const mail = await heir.mail();
  expect(mail).toContain("please review");
  expect(mail).toMatch(new RegExp(` · ${days}T..:..Z\\\\n`));
  expect(mail).not.toContain(AGAIN);

  // Who sits there keeps the seat, also from the conversation that had it first.
  const resumed = await start(broker.home, "reviewer", "c-1");
  expect(nameOf(broker.home, resumed)).toBe("reviewer-2");
  expect((await resumed.given("UserPromptSubmit")).stdout).toContain("because reviewer is a live session");
  expect(pidmap(broker.home, heir)).toBe(`${peer} reviewer`);
});
