/** A wall clock that is wrong for a while, and a machine that sleeps: nothing that cannot be undone happens. */
import { describe, expect, test } from "vitest";
import type { OutputOf } from "../../src/operations/index.ts";
import { ok } from "../support/api.ts";
import { spawnBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { onPostgres } from "../support/database.ts";
import { allTexts, newPeer, type TestPeer } from "../support/peers.ts";
import { newTeam, status } from "../support/pools.ts";
import { allServices, web } from "../support/services.ts";
import { swept } from "../support/sweep.ts";
import { until } from "../support/wait.ts";
import { CAUTIOUS, startDoubting, statusOf } from "../support/wall.ts";

const DAY_MS = 86_400_000;
const KEEP = { CCT_KEEP_READ_DAYS: "1", CCT_KEEP_FAILED_DAYS: "1", CCT_KEEP_NOTES_DAYS: "1" };

const beat = (broker: TestBroker, peers: readonly TestPeer[]) =>
  Promise.all(peers.map((peer) => ok(broker, "heartbeat", { host_pid: peer.place.host_pid, held: [] }, peer)));

/** A pool of three that live, one that is away, an open vote, mail that waits, was read or is claimed, and a service. */
async function busyPlace(broker: TestBroker) {
  const { pool, peers } = await newTeam(broker, 4);
  const [ann, ben, carol, dan] = peers as [TestPeer, TestPeer, TestPeer, TestPeer];
  await ok(broker, "propose_release", { pool, peer: ben.name, reason: "done", deadline_seconds: 7200 }, ann);
  await ok(broker, "register_service", web({ ttl_seconds: 7200 }), ann);
  const about = { to: ben.name, expires_in_seconds: 7200 };
  for (const text of ["read", "waits"]) await ok(broker, "send_message", { ...about, text }, ann);
  for (;;) {
    const { messages, remaining } = await ok(broker, "check_messages", { limit: 1 }, ben);
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
    await ok(broker, "ack_messages", { acks }, ben);
    if (remaining === 1) break;
  }
  await ok(broker, "send_message", { ...about, text: "claimed", urgency: "interrupt" }, ann);
  await ok(broker, "check_messages", { limit: 1 }, ben);
  await ok(broker, "unregister", { host_pid: dan.place.host_pid }, dan);
  await swept(broker);
  return { pool, away: dan, live: [ann, ben, carol] as const };
}

/** What a wrong clock could end. */
async function left(broker: TestBroker, pool: string): Promise<unknown> {
  const { members, open_proposals, pool: shown } = await status(broker, pool);
  const { messages } = await ok(broker, "messages", { limit: 500 });
  const state = (text: string) => messages.find((one) => one.text === text)?.recipients.map((one) => one.state);
  return {
    members: members.map(({ name, role }) => `${name} ${role}`).sort(),
    votes: open_proposals.length,
    pool: shown.state,
    mail: [state("read"), state("waits")],
    services: (await allServices(broker)).length,
  };
}

const stateOf = async (broker: TestBroker, text: string) => {
  const { messages } = await ok(broker, "messages", { limit: 500 });
  return messages.find((one) => one.text === text)?.recipients[0]?.state;
};

const sentAt = async (broker: TestBroker, text: string, from: TestPeer, to: TestPeer): Promise<number> => {
  const { message_id } = await ok(broker, "send_message", { to: to.name, text }, from);
  const { messages }: OutputOf<"messages"> = await ok(broker, "messages", { limit: 50 });
  return messages.find((one) => one.message_id === message_id)?.sent_at ?? 0;
};

describe("a wrong clock", () => {
  test("400 days ahead for some seconds ends nothing, and the broker shows the right year again", async () => {
    const { broker, set, calm, now } = await startDoubting({ env: KEEP });
    const { pool, live, away } = await busyPlace(broker);
    const [ann, ben] = live;
    const before = await left(broker, pool);
    await set(400 * DAY_MS);
    expect((await statusOf(broker)).clock).toMatchObject({ confirmed: false, why: expect.stringContaining("400 d") });
    expect(await left(broker, pool)).toEqual(before);
    expect(await stateOf(broker, "claimed")).toBe("claimed");
    // Somebody of another machine comes meanwhile, and takes no name.
    expect((await newPeer(broker, away.name, { host: "another" })).name).not.toBe(away.name);
    await beat(broker, live);
    await sentAt(broker, "meanwhile", ann, ben);
    await swept(broker);
    await set(-400 * DAY_MS);
    expect(Math.abs((await sentAt(broker, "after", ann, ben)) - now())).toBeLessThan(DAY_MS);
    await calm(() => beat(broker, live));
    expect(await left(broker, pool)).toEqual(before);
    const texts = await allTexts(broker);
    expect(texts.indexOf("after")).toBeGreaterThan(texts.indexOf("meanwhile"));
    expect((await ok(broker, "messages", { limit: 1 })).messages[0]?.seq).toBeLessThan((now() + DAY_MS) * 1000);
  });

  test("a year back ends nothing, and is followed; the way back as well", async () => {
    const { broker, set, calm, now } = await startDoubting({ env: KEEP });
    const { pool, live } = await busyPlace(broker);
    const [ann, ben] = live;
    const before = await left(broker, pool);
    for (const step of [-365 * DAY_MS, 365 * DAY_MS]) {
      await set(step);
      expect(await left(broker, pool)).toEqual(before);
      await beat(broker, live);
      await calm(() => beat(broker, live));
      expect(await left(broker, pool)).toEqual(before);
      expect(Math.abs((await sentAt(broker, `set by ${step}`, ann, ben)) - now())).toBeLessThan(DAY_MS);
    }
    const texts = await allTexts(broker);
    expect(texts.slice(-2)).toEqual([`set by ${-365 * DAY_MS}`, `set by ${365 * DAY_MS}`]);
  });
});

describe("a machine that slept for 25 hours", () => {
  test.each([
    ["on which monotonic time stood still", "set"],
    ["on which monotonic time went on", "sleep"],
  ] as const)("%s: everybody is still a member when they wake, also who had left just before", async (_, how) => {
    const slept = await startDoubting();
    const { broker, calm } = slept;
    const { pool, live } = await busyPlace(broker);
    const before = (await status(broker, pool)).members.map(({ name, role }) => `${name} ${role}`);
    await slept[how](25 * 3_600_000);
    // The sweep was first; only now the sessions wake, one by one.
    for (const peer of live.toReversed()) {
      await beat(broker, [peer]);
      await swept(broker);
    }
    await calm(() => beat(broker, live));
    const { members, open_proposals } = await status(broker, pool);
    expect(members.map(({ name, role }) => `${name} ${role}`)).toEqual(before);
    expect(members.filter(({ presence }) => presence !== "offline")).toHaveLength(3);
    // The vote's time was over during the sleep: it ends, but nobody withdrew it.
    expect(open_proposals).toEqual([]);
    expect((await allTexts(broker)).filter((text) => text.includes("is withdrawn"))).toEqual([]);
  });
});

// A database's clock does not stop with a broker.
test.skipIf(onPostgres)(
  "a broker that was stopped for more than a day releases nobody when it runs again",
  async () => {
    const clock = testClock();
    const broker = await spawnBroker({ clock, env: CAUTIOUS });
    const { pool, peers } = await newTeam(broker, 3);
    for (;;) {
      await beat(broker, peers);
      if ((await statusOf(broker)).clock.confirmed) break;
      await clock.pass(4_000);
    }
    broker.process.child.kill("SIGSTOP");
    const passed = clock.pass(1.25 * DAY_MS);
    broker.process.child.kill("SIGCONT");
    await passed;
    await until("it has noticed", async () => (await statusOf(broker)).clock.why?.includes("did not run for 30 h"));
    await swept(broker);
    for (;;) {
      await beat(broker, peers);
      if ((await statusOf(broker)).clock.confirmed) break;
      await clock.pass(4_000);
    }
    await swept(broker);
    expect((await status(broker, pool)).members).toHaveLength(3);
  },
);
