/** What a delivery costs the broker's disk: one flush, for the message. */
import { expect, test } from "vitest";
import { ok } from "../../support/api.ts";
import { type BrokerProcess, spawnBroker } from "../../support/broker.ts";
import { onPostgres } from "../../support/database.ts";
import { canTrace, notRun } from "../../support/not-run.ts";
import { newPeer, type TestPeer } from "../../support/peers.ts";
import { countCalls } from "../../support/strace.ts";

const CYCLES = 20;
/** The sweep stores its listening time once a minute, and a checkpoint takes two. */
const OTHERS = 4;

/** A message from its sending until it is read, as a session server and its hooks do it. */
async function deliver(broker: BrokerProcess, peer: TestPeer, text: string): Promise<void> {
  await ok(broker, "send_message", { to: peer.name, text });
  const { messages } = await ok(broker, "claim_messages", { limit: 10, budget: 9_000 }, peer);
  const claims = messages.map(({ message_id, attempt }) => ({ message_id, attempt }));
  expect(claims).toHaveLength(1);
  for (const outcome of ["delivered", "read"] as const) {
    const acks = claims.map((claim) => ({ ...claim, outcome }));
    await ok(broker, "ack_messages", { acks, via: "tool", batch: text }, peer);
  }
  await ok(broker, "heartbeat", { claude_pid: peer.place.claude_pid, held: [] }, peer);
}

const NAME = "a delivery waits for the disk once, when its message is sent";
test.skipIf(onPostgres || (!canTrace() && notRun(NAME, "needs strace that may attach to processes")))(
  NAME,
  async () => {
    const broker = await spawnBroker();
    const peer = await newPeer(broker, "ann");
    await deliver(broker, peer, "the first");
    const flushes = await countCalls(broker.pid, "fsync,fdatasync");
    for (let i = 0; i < CYCLES; i++) await deliver(broker, peer, `note ${i}`);
    const counted = await flushes.end();
    expect(counted).toBeGreaterThanOrEqual(CYCLES);
    expect(counted).toBeLessThanOrEqual(CYCLES + OTHERS);
  },
);
