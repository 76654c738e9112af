/** What a broker does after its machine went down, which may have forgotten the latest claims and acknowledgements. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { beginBoot } from "../../src/store/power-cut.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { onPostgres } from "../support/database.ts";
import { tempHome } from "../support/folders.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";

const onFile = test.skipIf(onPostgres);

/** A broker in the boot `one`, with a message that waits for a peer. */
async function used(): Promise<{ broker: TestBroker; peer: TestPeer; message_id: string }> {
  const broker = await startBroker({ bootId: "one" });
  const peer = await newPeer(broker, "ann");
  const { message_id } = await ok(broker, "send_message", { to: "ann", text: "hello" });
  return { broker, peer, message_id };
}

/** The home as it lies on the disk while its broker runs. */
function copyOf(home: string): string {
  const copy = tempHome();
  cpSync(home, copy, { recursive: true });
  return copy;
}

async function claimed(broker: TestBroker, peer: TestPeer) {
  const { messages } = await ok(broker, "claim_messages", { limit: 10, budget: 9_000 }, peer);
  return messages.map(({ attempt, redelivered }) => ({ attempt, redelivered }));
}

onFile("mail that waited when the machine went down is marked, and only then", async () => {
  const { broker, peer } = await used();
  const killed = await startBroker({ home: copyOf(broker.home), bootId: "one" });
  expect(await claimed(killed, peer)).toEqual([{ attempt: 1, redelivered: false }]);

  const { home } = broker;
  const restarted = await startBroker({ home: copyOf(home), bootId: "two" });
  expect(await claimed(restarted, peer)).toEqual([{ attempt: 2, redelivered: true }]);

  await broker.stop();
  const stoppedWell = await startBroker({ home, bootId: "two" });
  expect(await claimed(stoppedWell, peer)).toEqual([{ attempt: 1, redelivered: false }]);
});

onFile("a machine that does not tell its boots is taken for one that went down", async () => {
  const { broker, peer } = await used();
  const first = await startBroker({ home: copyOf(broker.home), bootId: "" });
  const second = await startBroker({ home: copyOf(first.home), bootId: "" });
  expect(await claimed(second, peer)).toEqual([{ attempt: 3, redelivered: true }]);
});

onFile("a session that lived on keeps a claim that the broker's machine forgot", async () => {
  const { broker, peer, message_id } = await used();
  const home = copyOf(broker.home);
  expect(await claimed(broker, peer)).toHaveLength(1);

  const restarted = await startBroker({ home, bootId: "two" });
  const held = [{ message_id, attempt: 1 }];
  await ok(restarted, "heartbeat", { host_pid: peer.place.host_pid, held }, peer);
  expect(await claimed(restarted, peer)).toEqual([]);
  await ok(restarted, "ack_messages", { acks: [{ message_id, attempt: 1, outcome: "read" }] }, peer);
  const { recipients } = await ok(restarted, "message_status", { message_id });
  expect(recipients).toMatchObject([{ state: "read" }]);
});

onFile("mail does not become a dead letter by waiting through many power cuts", async () => {
  const { broker, peer } = await used();
  await broker.stop();
  const store = await openSqlite(join(broker.home, "cct.db"));
  const marked = [];
  for (let boot = 0; boot < 12; boot++) marked.push(await store.tx((sql) => beginBoot(sql, String(boot))));
  // The broker ended well before the first of them.
  expect(marked).toEqual([0, ...Array.from({ length: 11 }, () => 1)]);
  await store.close();
  const last = await startBroker({ home: broker.home, bootId: "last" });
  const [mail] = await claimed(last, peer);
  expect(mail).toEqual({ attempt: 13, redelivered: true });
  await ok(last, "register", { ...peer.place, held: [] }, peer);
  expect(await claimed(last, peer)).toEqual([{ attempt: 14, redelivered: true }]);
});
