/** What a delivery costs the broker's disk: one flush, for the message. */
import { describe, expect, test } from "vitest";
import { ok } from "../../support/api.ts";
import { startBroker, type TestBroker } from "../../support/broker.ts";
import { onPostgres } from "../../support/database.ts";
import { openEvents } from "../../support/events.ts";
import { canTrace, notRun } from "../../support/not-run.ts";
import { newPeer, type TestPeer } from "../../support/peers.ts";
import { countCalls } from "../../support/strace.ts";

const CYCLES = 20;
/** A checkpoint takes two. */
const OTHERS = 2;

/** A broker in this process that sweeps too rarely to be seen: a sweep flushes what others wrote, and a slow machine has more of them. */
const withoutSweeps = (): Promise<TestBroker> => startBroker({ timing: { sweepMs: 3_600_000 } });
const countFlushes = () => countCalls(process.pid, "fsync,fdatasync");

/** A message from its sending until it is read, as a session server and its hooks do it. */
async function deliver(broker: TestBroker, peer: TestPeer, text: string): Promise<void> {
  await ok(broker, "send_message", { to: peer.name, text });
  const { messages } = await ok(broker, "claim_messages", { limit: 10, budget: 9_000 }, peer);
  const claims = messages.map(({ message_id, attempt }) => ({ message_id, attempt }));
  expect(claims).toHaveLength(1);
  for (const outcome of ["delivered", "read"] as const) {
    const acks = claims.map((claim) => ({ ...claim, outcome }));
    await ok(broker, "ack_messages", { acks, via: "tool", batch: text }, peer);
  }
  await ok(broker, "heartbeat", { host_pid: peer.place.host_pid, held: [] }, peer);
}

const NAME = "what waits for the disk";
describe.skipIf(onPostgres || (!canTrace() && notRun(NAME, "needs strace that may attach to processes")))(NAME, () => {
  test("of a delivery: once, when its message is sent", async () => {
    const broker = await withoutSweeps();
    const peer = await newPeer(broker, "ann");
    await deliver(broker, peer, "the first");
    const flushes = await countFlushes();
    for (let i = 0; i < CYCLES; i++) await deliver(broker, peer, `note ${i}`);
    const counted = await flushes.end();
    expect(counted).toBeGreaterThanOrEqual(CYCLES);
    expect(counted).toBeLessThanOrEqual(CYCLES + OTHERS);
  });

  test("of a delivery whose mail comes with the hint: once, too", async () => {
    const broker = await withoutSweeps();
    const peer = await newPeer(broker, "ann");
    const events = await openEvents(broker, peer);
    await events.count(1);
    const id = String(events.data()[0]?.stream);
    const deliverOver = async (received: number): Promise<void> => {
      const streams = [{ id, received, open: true }];
      await ok(broker, "claim_messages", { limit: 10, budget: 8_000, streams }, peer);
      const { message_id } = await ok(broker, "send_message", { to: "ann", text: `note ${received}` });
      await events.count(received + 2);
      expect(events.data().at(-1)).toMatchObject({ number: received + 1, messages: [{ message_id, attempt: 1 }] });
      for (const outcome of ["delivered", "read"] as const)
        await ok(
          broker,
          "ack_messages",
          { acks: [{ message_id, attempt: 1, outcome }], via: "tool", batch: "one" },
          peer,
        );
    };
    await deliverOver(0);
    const flushes = await countFlushes();
    for (let i = 1; i <= CYCLES; i++) await deliverOver(i);
    const counted = await flushes.end();
    expect(counted).toBeGreaterThanOrEqual(CYCLES);
    expect(counted).toBeLessThanOrEqual(CYCLES + OTHERS);
  });

  test("once each: a claim that is lost or given back, and what a sender hears of a claim", async () => {
    const broker = await withoutSweeps();
    const peer = await newPeer(broker, "ann");
    const { message_id } = await ok(broker, "send_message", { to: "ann", text: "hello" });
    const flushes = await countFlushes();
    for (let attempt = 1; attempt <= CYCLES; attempt++) {
      await ok(broker, "claim_messages", { limit: 10, budget: 9_000 }, peer);
      if (attempt % 2 === 0) await ok(broker, "message_status", { message_id });
      await ok(broker, "message_status", { message_id });
      const outcome = attempt % 4 === 0 ? "lost" : "returned";
      await ok(broker, "ack_messages", { acks: [{ message_id, attempt, outcome }] }, peer);
    }
    const counted = await flushes.end();
    expect(counted).toBeGreaterThanOrEqual(2 * CYCLES);
    expect(counted).toBeLessThanOrEqual(2 * CYCLES + OTHERS);
  });
});
