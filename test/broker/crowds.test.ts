/** Large pools: what joining, leaving and writing to one costs does not multiply with its members. */
import { beforeAll, expect, test } from "vitest";
import { untilTurn } from "../../src/rules/presence.ts";
import type { Store } from "../../src/store/store.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { newStore } from "../support/database.ts";
import type { TestPeer } from "../support/peers.ts";

let works: Clockwork;
let statements = 0;
let rows = 0;
let written: string[] = [];

beforeAll(async () => {
  const store = await newStore();
  const counted: Store = {
    ...store,
    close: () => store.close(),
    tx: (work, isolation) =>
      store.tx((sql) => {
        return work(async (text, ...values) => {
          statements += 1;
          if (!text.startsWith("SELECT")) written.push(text);
          const found = await sql(text, ...values);
          rows += found.length;
          return found;
        });
      }, isolation),
  };
  works = await openClockwork(undefined, counted);
});

/** The statements of a call, and the rows that they return. */
async function counted(call: () => Promise<unknown>): Promise<{ statements: number; rows: number }> {
  statements = 0;
  rows = 0;
  await call();
  return { statements, rows };
}

async function poolOf(name: string, size: number): Promise<TestPeer[]> {
  const peers: TestPeer[] = [];
  for (let i = 0; i < size; i++) peers.push(await works.newPeer(`${name}-${i}`));
  await works.call("create_pool", { name, purpose: "x" }, peers[0]);
  for (const peer of peers.slice(1)) {
    works.setOn(1);
    await works.call("join_pool", { pool: name }, peer);
  }
  return peers;
}

const deliveries = async (): Promise<number> => (await works.dump()).deliveries?.length ?? 0;

test("joining, leaving and inviting to a large pool takes as many statements and rows as to a smaller one, and is nobody's mail", async () => {
  const costs: unknown[] = [];
  for (const size of [51, 56]) {
    const [, second] = await poolOf(`join-${size}`, size);
    const late = await works.newPeer(`late-${size}`);
    const pool = `join-${size}`;
    const none = await deliveries();
    costs.push([
      await counted(() => works.call("join_pool", { pool }, late)),
      await counted(() => works.call("leave_pool", { pool }, late)),
      none,
      await counted(() => works.call("invite_to_pool", { pool, peer: late.name }, second)),
    ]);
    await works.call("leave_pool", { pool }, late);
    await works.call("check_messages", {}, late);
    const { pool: seen, members } = await works.call("join_pool", { pool }, late);
    expect(seen).toMatchObject({ size: size + 1, lead: `join-${size}-0` });
    expect(members.map(({ name }) => name)).toEqual(Array.from({ length: 50 }, (_, i) => `join-${size}-${i}`));
  }
  const [smaller, larger] = costs as [unknown[], unknown[]];
  expect(larger.filter((_, i) => i !== 2)).toEqual(smaller.filter((_, i) => i !== 2));
  // Only the one who is invited gets mail.
  expect([smaller[2], larger[2]]).toEqual([0, 1]);
});

test("a message to a large pool takes as many statements as to a small one, and reaches every member by its own policy", async () => {
  const costs: number[] = [];
  for (const size of [5, 30]) {
    const pool = `all-${size}`;
    const peers = await poolOf(pool, size);
    const [ann, ben, carl] = peers;
    await works.call("inbound_policy", { policy: "hold", from: ann?.name }, ben);
    await works.call("inbound_policy", { policy: "refuse", from: `@${pool}` }, carl);
    const before = await deliveries();
    const { statements } = await counted(() => works.call("send_message", { to: `@${pool}`, text: "hello" }, ann));
    costs.push(statements);
    expect((await deliveries()) - before).toBe(size - 1);
    const [sent] = (await works.call("messages", { limit: 1, full: true }, ann)).messages;
    const states = sent?.recipients.map(({ name, state }) => [name, state]);
    expect(Object.fromEntries(states ?? [])).toEqual({
      ...Object.fromEntries(peers.slice(3).map(({ name }) => [name, "queued"])),
      [ben?.name ?? ""]: "held",
      [carl?.name ?? ""]: "refused",
    });
  }
  expect(costs[1]).toBe(costs[0]);
});

test("what changed is told once, in one line beside the next mail, and wakes nobody", async () => {
  const [ann, ben] = await poolOf("news", 9);
  works.hints.length = 0;
  const claim = () => works.call("claim_messages", { limit: 10, budget: 8_000 }, ann);
  // Alone it is no mail.
  expect(await claim()).toMatchObject({ messages: [], remaining: 0 });
  await works.call("send_message", { to: "news-0", text: "hello" }, ben);
  const { messages } = await claim();
  expect(messages.map(({ text, urgency, from }) => [text, urgency, from])).toEqual([
    ["hello", "normal", ben?.peer_id],
    ["@news: news-1, news-2 and 6 others joined.", "low", "cct"],
  ]);
  expect(works.hints).toEqual([{ peer_id: ann?.peer_id, about: "mail" }]);
  await works.call("send_message", { to: "news-0", text: "again" }, ben);
  expect((await claim()).messages.map(({ text }) => text)).toEqual(["again"]);
  // All of it stays in the history, and that a member read it is not part of the pool's.
  const texts = (await works.call("messages", { limit: 500, full: true })).messages.filter(({ to }) => to === "@news");
  expect(texts).toHaveLength(8);
});

test("who is busy, was released or has left is told nothing of its pool", async () => {
  const [ann, ben, carl, dan] = await poolOf("quiet", 4);
  for (const peer of [ann, ben, carl, dan]) await works.call("check_messages", {}, peer);
  await works.call("set_busy", { reason: "tests", estimate_seconds: 600 }, ben);
  const decide = await works.call("propose_release", { pool: "quiet", peer: "quiet-2", reason: "done" });
  await works.call("decide_release", { proposal_id: decide.proposal_id, decision: "passed" });
  await works.call("leave_pool", { pool: "quiet" }, dan);
  const late = await works.newPeer("quiet-late");
  await works.call("join_pool", { pool: "quiet" }, late);
  await works.call("send_message", { to: "quiet-1", text: "now", urgency: "interrupt" }, ann);
  const claimed = await works.call("claim_messages", { limit: 10, budget: 8_000 }, ben);
  expect(claimed.messages.map(({ text }) => text)).toEqual(["now"]);
  for (const peer of [carl, dan, late]) {
    const { messages } = await works.call("check_messages", {}, peer);
    expect(messages.filter(({ text }) => text.startsWith("@quiet"))).toEqual([]);
  }
  await works.call("set_ready", {}, ben);
  const { messages } = await works.call("check_messages", {}, ben);
  expect(messages.map(({ text }) => text).at(-1)).toMatch(
    /^@quiet: quiet-2 is released\. quiet-3 .* left the pool\. quiet-late .* joined as "member"\.$/,
  );
});

test("an idle session whose heartbeat reports nothing new costs four statements, one of which writes when it was heard", async () => {
  const [ann] = await poolOf("calm", 2);
  const beat = { host_pid: ann?.place.host_pid ?? 0, held: [], presence: "idle" as const };
  await works.call("heartbeat", beat, ann);
  works.setOn(30_000);
  written = [];
  const { statements } = await counted(() => works.call("heartbeat", beat, ann));
  expect(statements).toBe(4);
  expect(written).toEqual(["UPDATE peers SET last_seen = $2 WHERE peer_id = $1"]);
});

test("an idle session that was told to report less often stays live for as long, then it is offline", async () => {
  const [ann, ben] = await poolOf("idle", 2);
  const beat = { host_pid: ann?.place.host_pid ?? 0, held: [], presence: "idle" as const };
  const { beat_ms } = await works.call("heartbeat", beat, ann);
  expect(beat_ms).toBe(untilTurn(ann?.peer_id ?? "", 30_000, works.now()));
  const seen = async () => {
    const { members } = await works.call("pool_status", { pool: "idle" });
    return members.map(({ name, role, presence }) => `${name} ${role} ${presence}`);
  };
  const others = ben ? [ben] : [];
  await works.pass(64_000, ...others);
  expect(await seen()).toEqual(["idle-0 lead idle", "idle-1 member idle"]);
  await works.pass(2_000, ...others);
  expect(await seen()).toEqual(["idle-0 member offline", "idle-1 lead idle"]);
});

test("a session that was told to report every minute goes offline 95 seconds after its last word", async () => {
  const calm = await openClockwork(undefined, undefined, { idle_beat_ms: 60_000 });
  const ann = await calm.newPeer("ann");
  const beat = { host_pid: ann.place.host_pid, held: [], presence: "idle" as const };
  const { beat_ms } = await calm.call("heartbeat", beat, ann);
  expect(beat_ms).toBe(untilTurn(ann.peer_id, 60_000, calm.now()));
  const stored = async () => (await calm.dump()).peers?.map((row) => (row as { presence: string }).presence);
  await calm.pass(94_000);
  expect(await stored()).toEqual(["idle"]);
  await calm.pass(2_000);
  expect(await stored()).toEqual(["offline"]);
});

test("changes older than a day are in the history only", async () => {
  const [ann] = await poolOf("old", 3);
  works.setOn(25 * 3_600_000);
  expect((await works.call("check_messages", {}, ann)).messages).toEqual([]);
  const { recent_messages } = await works.call("pool_status", { pool: "old" }, ann);
  expect(recent_messages.map(({ text }) => text)).toEqual([
    expect.stringContaining("old-2"),
    expect.stringContaining("old-1"),
  ]);
});
