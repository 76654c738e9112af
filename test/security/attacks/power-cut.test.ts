/** A machine that loses its power: the disk forgets what was not flushed, and mail comes again at most, and marked. */
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ok } from "../../support/api.ts";
import { type BrokerProcess, spawnBroker, startBroker, type TestBroker } from "../../support/broker.ts";
import { onPostgres } from "../../support/database.ts";
import { tempFolder, tempHome } from "../../support/folders.ts";
import { canTrace, notRun } from "../../support/not-run.ts";
import { newMessageId, newPeer, type TestPeer } from "../../support/peers.ts";
import { random } from "../../support/random.ts";
import { times } from "../../support/soak.ts";
import { type Event, eventsIn, leaveFiles, recording, type Unflushed } from "./disk.ts";

const FILES = ["cct.db", "cct.db-wal", "cct.db-mark", "cct.db-journal"];
const PEERS = 3;
const STEPS = times(60, 300);
const CUTS = times(12, 150);
const SEED = Number(process.env.CCT_TEST_SEED ?? times(1, Date.now() % 1_000_000));

/** What people and models know of a message. Times are when they had the answer, in milliseconds since 1970. */
interface Known {
  to: string;
  accepted: number;
  shown: number[];
  /** The sender heard that it was read. */
  toldRead: number | undefined;
}

interface Claim {
  message_id: string;
  attempt: number;
}

/** A recipient that shows what it claims. */
interface Recipient {
  peer: TestPeer;
  /** The claims that it has not acknowledged as read, since when. */
  held: { since: number; claims: readonly Claim[] }[];
}

const heldAt = ({ held }: Recipient, time: number): readonly Claim[] =>
  held.findLast(({ since }) => since < time)?.claims ?? [];

const later = (): number => Date.now() + 1;

/** Sends, shows and reads mail in a random order, with calls between that change nothing that must last. */
async function use(
  broker: BrokerProcess,
  recipients: readonly Recipient[],
  known: Map<string, Known>,
  chance: () => number,
): Promise<void> {
  for (let step = 0; step < STEPS; step++) {
    const recipient = recipients[Math.floor(chance() * recipients.length)];
    if (!recipient) continue;
    const { peer } = recipient;
    let held = heldAt(recipient, Number.POSITIVE_INFINITY);
    const dice = chance();
    if (dice < 0.3) {
      const message_id = newMessageId();
      await ok(broker, "send_message", { to: peer.name, text: `text ${message_id}`, message_id });
      known.set(message_id, { to: peer.name, accepted: later(), shown: [], toldRead: undefined });
    } else if (dice < 0.55) {
      held = [...held, ...(await show(broker, peer, known, dice < 0.5 ? "claim" : "check"))];
    } else if (dice < 0.8) {
      const [first] = held;
      const outcome = dice < 0.65 ? "delivered" : dice < 0.78 ? "read" : "lost";
      if (first) await ok(broker, "ack_messages", { acks: [{ ...first, outcome }] }, peer);
      if (first && outcome === "read" && dice < 0.75) await ask(broker, first.message_id, known);
      if (outcome !== "delivered") held = held.slice(1);
    } else if (dice < 0.9) {
      await ok(broker, "heartbeat", { host_pid: peer.place.host_pid, held: [...held] }, peer);
    } else {
      const ids = [...known.keys()];
      const message_id = ids[Math.floor(chance() * ids.length)];
      if (message_id !== undefined) await ask(broker, message_id, known);
    }
    recipient.held.push({ since: later(), claims: held });
  }
}

/** The sender asks what became of a message. */
async function ask(broker: TestBroker, message_id: string, known: ReadonlyMap<string, Known>): Promise<void> {
  const message = known.get(message_id);
  if ((await stateOf(broker, message_id)) === "read" && message) message.toldRead ??= later();
}

/** Claims what waits and shows it. Every showing after the first is marked. */
async function show(
  broker: TestBroker,
  peer: TestPeer,
  known: ReadonlyMap<string, Known>,
  how: "claim" | "check",
): Promise<Claim[]> {
  const { messages } =
    how === "claim"
      ? await ok(broker, "claim_messages", { limit: 100, budget: 100_000 }, peer)
      : await ok(broker, "check_messages", { limit: 100 }, peer);
  for (const { message_id, redelivered } of messages) {
    const message = known.get(message_id);
    if (message && message.shown.length > 0) expect(redelivered, `${message_id} is marked`).toBe(true);
    message?.shown.push(later());
  }
  return messages.map(({ message_id, attempt }) => ({ message_id, attempt }));
}

async function stateOf(broker: TestBroker, message_id: string): Promise<string | undefined> {
  const { recipients } = await ok(broker, "message_status", { message_id });
  return recipients[0]?.state;
}

/** After the power cut: what was promised before it holds, and the recipients go on until nothing waits. */
async function check(
  broker: TestBroker,
  recipients: readonly Recipient[],
  known: ReadonlyMap<string, Known>,
  cutAt: number,
  /** The recipients are on another machine, and did not notice. */
  goOn: boolean,
): Promise<void> {
  const promised = [...known].filter(([, { accepted }]) => accepted < cutAt);
  for (const [message_id, { toldRead }] of promised)
    if (toldRead !== undefined && toldRead < cutAt) expect(await stateOf(broker, message_id)).toBe("read");
  for (const recipient of recipients) {
    const { peer } = recipient;
    const { host_pid } = peer.place;
    if (goOn) {
      const held = [...heldAt(recipient, cutAt)];
      await ok(broker, "heartbeat", { host_pid, held }, peer);
      await readAll(broker, peer, known);
      for (const claim of held) await ok(broker, "ack_messages", { acks: [{ ...claim, outcome: "read" }] }, peer);
    }
    await ok(broker, "unregister", { host_pid }, peer);
    await ok(broker, "register", { ...peer.place, host_pid: host_pid + 100_000, held: [] }, peer);
    await readAll(broker, peer, known);
  }
  for (const [message_id, { shown }] of promised) {
    expect(shown.length, `${message_id} was shown`).toBeGreaterThan(0);
    expect(await stateOf(broker, message_id), message_id).toBe("read");
  }
}

/** Shows all that waits, and reads it. */
async function readAll(broker: TestBroker, peer: TestPeer, known: ReadonlyMap<string, Known>): Promise<void> {
  for (;;) {
    const claims = await show(broker, peer, known, "claim");
    if (claims.length === 0) return;
    const acks = claims.map((claim) => ({ ...claim, outcome: "read" as const }));
    expect(await ok(broker, "ack_messages", { acks }, peer)).toEqual({ acknowledged: claims.length, stale: 0 });
  }
}

const NAME = "after a power cut nothing that was sent is lost, and what is shown again is marked";

test.skipIf(onPostgres || (!canTrace() && notRun(NAME, "strace is not installed")))(
  NAME,
  { timeout: 900_000 },
  async () => {
    const chance = random(SEED);
    const home = tempHome();
    const record = join(tempFolder(), "record");
    const broker = await spawnBroker({ home, within: recording(record, home, FILES) });
    const recipients: Recipient[] = [];
    for (let i = 0; i < PEERS; i++) recipients.push({ peer: await newPeer(broker, `peer-${i}`), held: [] });
    const ready = later();
    const known = new Map<string, Known>();
    await use(broker, recipients, known, chance);
    await broker.stop("SIGTERM");
    const events = eventsIn(record, home);

    for (const [i, cut] of cutsIn(events, ready, chance).entries()) {
      const unflushed: Unflushed = i % 3 === 0 ? "none" : i % 3 === 1 ? "some" : "all";
      const what = `seed ${SEED}, cut ${cut} of ${events.length}, unflushed changes: ${unflushed}`;
      const cutAt = events[cut]?.at ?? Number.POSITIVE_INFINITY;
      const after = tempHome();
      mkdirSync(after, { mode: 0o700 });
      copyFileSync(join(home, "token"), join(after, "token"));
      leaveFiles(events, cut, unflushed, chance, after);
      const next = await startBroker({ home: after, bootId: "after the power cut" });
      const then = new Map(
        [...known].map(([id, one]) => [id, { ...one, shown: one.shown.filter((at) => at < cutAt) }]),
      );
      const there = cutAt > ready ? recipients : [];
      await check(next, there, then, cutAt, i % 2 === 0).catch((error) => {
        throw new Error(`${what}: ${error}`, { cause: error });
      });
      await next.stop();
    }
  },
);

/** Most of them just before a flush, when the most is at stake. */
function cutsIn(events: readonly Event[], ready: number, chance: () => number): number[] {
  const flushes = events.flatMap(({ what, at, file }, i) =>
    what.kind === "flush" && file !== "" && at > ready ? [i] : [],
  );
  const any = (of: number): number => Math.floor(chance() * of);
  return Array.from({ length: CUTS }, (_, i) =>
    i % 4 === 3 ? any(events.length) : (flushes[any(flushes.length)] ?? events.length),
  );
}
