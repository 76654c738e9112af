/** Retention: finished data is deleted after a while; what somebody waits for is not. */
import { expect, test } from "vitest";
import type { RetentionPolicy } from "../../src/rules/retention.ts";
import { call, ok, refused } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { onPostgres } from "../support/database.ts";
import { allTexts, newPeer, type TestPeer } from "../support/peers.ts";
import { rejectedBy } from "../support/thrown.ts";
import { until } from "../support/wait.ts";

const DAY = 86_400_000;
const HOUR = 3_600_000;
const KEEP: RetentionPolicy = {
  keep_read_days: 30,
  keep_failed_days: 90,
  keep_notes_days: 90,
  keep_peers_days: 30,
  keep_pools_days: 90,
};

async function texts(works: Clockwork): Promise<string[]> {
  return (await works.call("messages", { limit: 500 })).messages.map((message) => message.text).sort();
}

/** Sends a message and takes it as far as `outcome` says; returns its id. */
async function exchange(works: Clockwork, from: TestPeer, to: TestPeer, text: string, outcome: "read" | "delivered") {
  const { message_id } = await works.call("send_message", { to: to.name, text }, from);
  await read(works, to, outcome);
  return message_id;
}

async function read(works: Clockwork, who: TestPeer, outcome: "read" | "delivered") {
  const { messages } = await works.call("check_messages", { limit: 100 }, who);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome }));
  if (acks.length > 0) await works.call("ack_messages", { acks }, who);
}

test("read messages are deleted after 30 days, failed ones after 90, waiting ones never", async () => {
  const works = await openClockwork();
  const [ann, ben, eve] = [await works.newPeer("ann"), await works.newPeer("ben"), await works.newPeer("eve")];
  await works.call("inbound_policy", { from: "ann", policy: "hold" }, eve);
  await exchange(works, ann, ben, "read", "read");
  await exchange(works, ann, ben, "delivered", "delivered");
  await works.call("send_message", { to: "eve", text: "held" }, ann);
  await works.call("send_message", { to: "ben", text: "expires", expires_in_seconds: 1 }, eve);
  await works.pass(2_000, ann, ben, eve);
  // The broker's own report about it.
  await read(works, eve, "read");
  await works.call("send_message", { to: "ben", text: "waits" }, ann);

  const all = await texts(works);
  expect(all).toHaveLength(6);
  works.setOn(30 * DAY - HOUR);
  await works.clear(KEEP);
  expect(await texts(works)).toEqual(all);
  works.setOn(2 * HOUR);
  await works.clear(KEEP);
  expect(await texts(works)).toEqual(["delivered", "expires", "held", "waits"]);
  works.setOn(60 * DAY);
  await works.clear(KEEP);
  expect(await texts(works)).toEqual(["delivered", "held", "waits"]);
  works.setOn(3_000 * DAY);
  await works.clear(KEEP);
  expect(await texts(works)).toEqual(["delivered", "held", "waits"]);
  const { messages } = await works.call("check_messages", {}, ben);
  expect(messages.map((one) => one.text)).toEqual(["waits"]);
});

test("0 days keeps everything of that kind forever", async () => {
  const works = await openClockwork();
  const [ann, ben] = [await works.newPeer("ann"), await works.newPeer("ben")];
  await exchange(works, ann, ben, "read", "read");
  await works.call("inbound_policy", { from: "ann", policy: "refuse" }, ben);
  await works.call("send_message", { to: "ben", text: "refused" }, ann);
  works.setOn(1_000 * DAY);
  await works.clear({ ...KEEP, keep_read_days: 0, keep_failed_days: 0, keep_notes_days: 0 });
  expect(await texts(works)).toEqual(["read", "refused"]);
  works.setOn(2 * HOUR);
  await works.clear({ ...KEEP, keep_read_days: 0, keep_failed_days: 1, keep_notes_days: 0 });
  expect(await texts(works)).toEqual(["read"]);
});

test("many messages are deleted in several transactions, skipping those that must stay", async () => {
  const works = await openClockwork();
  const [ann, ben, cem] = [await works.newPeer("ann"), await works.newPeer("ben"), await works.newPeer("cem")];
  for (let i = 0; i < 220; i++) {
    await works.call("send_message", { to: "ben", text: `gone ${i}` }, ann);
    if (i % 2 === 0) await works.call("send_message", { to: "cem", text: `waits ${i}` }, ann);
    if (i % 90 === 0) await read(works, ben, "read");
  }
  for (let i = 0; i < 3; i++) await read(works, ben, "read");
  works.setOn(31 * DAY);
  await works.clear(KEEP);
  expect((await texts(works)).filter((text) => text.startsWith("gone"))).toEqual([]);
  expect(await texts(works)).toHaveLength(110);
  expect((await works.dump()).deliveries).toHaveLength(110);

  // What stays is checked again an hour later, not at every sweep.
  await read(works, cem, "read");
  await read(works, cem, "read");
  works.setOn(HOUR - 1);
  await works.clear({ ...KEEP, keep_read_days: 1 });
  expect(await texts(works)).toHaveLength(110);
  works.setOn(DAY);
  await works.clear({ ...KEEP, keep_read_days: 1 });
  expect(await texts(works)).toEqual([]);
});

test("references to a deleted message are refused, and the thread continues without it", async () => {
  const works = await openClockwork();
  const [ann, ben] = [await works.newPeer("ann"), await works.newPeer("ben")];
  const gone = await exchange(works, ann, ben, "an old question", "read");
  const answer = await works.call("send_message", { to: "ann", text: "an old answer", reply_to: gone }, ben);
  works.setOn(31 * DAY);
  await works.clear(KEEP);
  const refusal = await rejectedBy(works.call("send_message", { to: "ann", text: "late", reply_to: gone }, ben));
  expect(refusal).toMatchObject({ code: "not_found", hint: expect.stringContaining("Leave reply_to out") });
  expect(await rejectedBy(works.call("message_status", { message_id: gone }, ann))).toMatchObject({
    code: "not_found",
  });
  expect(await rejectedBy(works.call("resend_message", { message_id: gone }))).toMatchObject({ code: "not_found" });
  // The waiting reply still names the deleted message, and can itself be replied to.
  const { messages } = await works.call("check_messages", {}, ann);
  expect(messages).toMatchObject([{ message_id: answer.message_id, reply_to: gone, thread_id: gone }]);
  await works.call("send_message", { to: "ben", text: "late, too", reply_to: answer.message_id }, ann);
});

test("notes, decided proposals with their votes, and used invitations are deleted, too", async () => {
  const works = await openClockwork();
  const [ann, ben] = [await works.newPeer("ann"), await works.newPeer("ben")];
  await works.call("create_pool", { name: "front", purpose: "to test" }, ann);
  await works.call("join_pool", { pool: "front" }, ben);
  const proposal = { pool: "front", peer: "ben", reason: "done" };
  const { proposal_id } = await works.call("propose_release", proposal, ann);
  await works.call("decide_release", { proposal_id, decision: "withdrawn" });
  await works.call("propose_release", { ...proposal, deadline_seconds: 86_400 }, ann);
  await works.call("invite_device", {});
  await works.call("send_message", { to: "ben", text: "expires", expires_in_seconds: 1 });
  await works.pass(2_000, ann, ben);
  const before = await works.dump();
  expect([before.notes, before.proposals, before.ballots, before.invitations].map((rows) => rows?.length)).toEqual([
    1, 2, 4, 1,
  ]);
  works.setOn(91 * DAY);
  await works.clear(KEEP);
  const after = await works.dump();
  expect([after.notes, after.proposals, after.ballots, after.invitations].map((rows) => rows?.length)).toEqual([
    0, 1, 2, 0,
  ]);
});

// With PostgreSQL, the database's clock is used, which a test cannot set.
test.skipIf(onPostgres)("a running broker deletes by itself, according to its settings", async () => {
  const clock = testClock();
  const broker = await startBroker({ clock, env: { CCT_KEEP_READ_DAYS: "1" } });
  const [ann, ben] = [await newPeer(broker, "ann"), await newPeer(broker, "ben")];
  for (const text of ["one", "two"]) await ok(broker, "send_message", { to: "ben", text }, ann);
  const { messages } = await ok(broker, "check_messages", { limit: 1 }, ben);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
  await ok(broker, "ack_messages", { acks }, ben);
  expect(await allTexts(broker)).toEqual(["one", "two"]);
  clock.forward(25 * HOUR);
  await until("the read message is gone", async () => !(await allTexts(broker)).includes("one"));
  expect(await allTexts(broker)).toEqual(["two"]);
  expect((await refused(broker, "message_status", { message_id: acks[0]?.message_id })).code).toBe("not_found");
  expect((await call(broker, "list_peers", {})).status).toBe(200);
});
