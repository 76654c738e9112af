/** Private pools: a peer that is not a member cannot find out that one exists. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { OperationName } from "../../src/operations/index.ts";
import { CctError } from "../../src/platform/errors.ts";
import type { Credentials } from "../support/api.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { onPostgres } from "../support/database.ts";
import type { TestPeer } from "../support/peers.ts";

let works: Clockwork;

beforeAll(async () => {
  works = await openClockwork();
});

/** The answer or the error, as one text. */
async function answer(name: OperationName, input: Record<string, unknown>, as?: Credentials): Promise<string> {
  try {
    // The operation validates its input.
    return JSON.stringify(await works.call(name, input as never, as));
  } catch (error) {
    if (!(error instanceof CctError)) throw error;
    return `${error.code}: ${error.message} ${error.hint}`;
  }
}

let lastScene = 0;
/** Peers with a store of their own; the first creates the pools. */
async function scene(count: number): Promise<TestPeer[]> {
  lastScene++;
  const peers = [];
  for (let i = 0; i < count; i++) peers.push(await works.newPeer(`p${i}of${lastScene}`));
  return peers;
}
const onlyThree = async (): Promise<[TestPeer, TestPeer, TestPeer]> => {
  const [a, b, c] = await scene(3);
  if (!a || !b || !c) throw new Error("three were asked for");
  return [a, b, c];
};

describe("a private pool", () => {
  test("answers like a pool that does not exist, by name, by id and by any operation", async () => {
    const [ann, bob] = await onlyThree();
    const { pool } = await works.call("create_pool", { name: "den1", purpose: "x", private: true }, ann);
    expect(pool).toMatchObject({ private: true, lead: ann.name });
    const tries: [OperationName, Record<string, unknown>][] = [
      ["join_pool", {}],
      ["invite_to_pool", { peer: bob.name }],
      ["leave_pool", {}],
      ["archive_pool", {}],
      ["pool_status", {}],
      ["list_peers", {}],
      ["propose_release", { peer: ann.name, reason: "x" }],
    ];
    const pairs = [
      ["den1", "den2"],
      [pool.pool_id, "f".repeat(32)],
      [pool.pool_id.slice(0, 8), "ffffffff"],
    ] as const;
    for (const archived of [false, true]) {
      if (archived) await works.call("archive_pool", { pool: "den1" }, ann);
      for (const [there, nowhere] of pairs) {
        for (const [name, more] of tries) {
          const seen = await answer(name, { pool: there, ...more }, bob);
          expect(seen).toMatch(/^not_found/);
          expect(seen.replaceAll(there, nowhere)).toBe(await answer(name, { pool: nowhere, ...more }, bob));
        }
        for (const to of ["", `/${ann.name}`]) {
          const seen = await answer("send_message", { to: `@${there}${to}`, text: "x" }, bob);
          expect(seen.replaceAll(there, nowhere)).toBe(
            await answer("send_message", { to: `@${nowhere}${to}`, text: "x" }, bob),
          );
        }
      }
    }
  });

  test("does not reserve its name: another pool may have it, and each peer finds its own", async () => {
    const [ann, bob, carl] = await onlyThree();
    const den = await works.call("create_pool", { name: "same", purpose: "of ann", private: true }, ann);
    const open = await works.call("create_pool", { name: "SAME", purpose: "of bob" }, bob);
    expect(await answer("create_pool", { name: "same", purpose: "x" }, ann)).toMatch(/^conflict/);
    expect((await works.call("pool_status", { pool: "same" }, ann)).pool.pool_id).toBe(den.pool.pool_id);
    expect((await works.call("pool_status", { pool: "same" }, bob)).pool.pool_id).toBe(open.pool.pool_id);
    expect(await answer("pool_status", { pool: "same" })).toMatch(/^ambiguous/);
    await works.call("invite_to_pool", { pool: "same", peer: carl.name }, ann);
    expect((await works.call("pool_status", { pool: "same" }, carl)).pool.pool_id).toBe(den.pool.pool_id);
    await works.call("join_pool", { pool: open.pool.pool_id }, carl);
    expect(await answer("send_message", { to: "@same", text: "x" }, carl)).toMatch(/^ambiguous/);
    const { recipients } = await works.call("send_message", { to: `@${den.pool.pool_id}`, text: "x" }, carl);
    expect(recipients.map((one) => one.name)).toEqual([ann.name]);
  });

  test("can be joined after an invitation, and the operator sees it", async () => {
    const [ann, bob] = await onlyThree();
    const name = `den-of-${ann.name}`;
    await works.call("create_pool", { name, purpose: "why", private: true }, ann);
    await works.call("invite_to_pool", { pool: name, peer: bob.name }, ann);
    expect((await works.call("list_pools", {}, bob)).pools).toContainEqual(
      expect.objectContaining({ name, private: true, purpose: "why", your_role: "member" }),
    );
    expect((await works.call("list_pools", {})).pools.map((pool) => pool.name)).toContain(name);
    await works.call("leave_pool", { pool: name }, bob);
    expect(await answer("join_pool", { pool: name }, bob)).toMatch(/^not_found/);
  });

  test("that was archived can be revived by its last members, not by peers that had left or were released", async () => {
    const [ann, bob, carl] = await onlyThree();
    const name = `end-of-${ann.name}`;
    await works.call("create_pool", { name, purpose: "x", private: true }, ann);
    for (const peer of [bob, carl]) await works.call("invite_to_pool", { pool: name, peer: peer.name }, ann);
    await works.call("leave_pool", { pool: name }, bob);
    works.setOn(1);
    const { proposal_id } = await works.call("propose_release", { pool: name, peer: carl.name, reason: "done" });
    await works.call("decide_release", { proposal_id, decision: "passed" });
    await works.call("archive_pool", { pool: name }, ann);
    for (const peer of [bob, carl])
      for (const op of ["join_pool", "pool_status"] as const)
        expect(await answer(op, { pool: name }, peer)).toMatch(/^not_found/);
    expect(await answer("join_pool", { pool: name }, ann)).toContain('"state":"active"');
  });
});

test("a peer sees name, purpose and size of other public pools, and of other peers only common pools", async () => {
  const [ann, bob, carl] = await onlyThree();
  const [open, both] = [`open-${ann.name}`, `both-${ann.name}`];
  await works.call("create_pool", { name: open, purpose: "why" }, ann);
  await works.call("create_pool", { name: both, purpose: "why" }, ann);
  await works.call("join_pool", { pool: both }, bob);
  const seen = (await works.call("list_pools", {}, bob)).pools.find((pool) => pool.name === open);
  expect(seen).toEqual({ pool_id: seen?.pool_id, name: open, purpose: "why", size: 1, state: "active" });
  const poolsOfAnn = async (as?: TestPeer) =>
    (await works.call("list_peers", {}, as)).peers.find((peer) => peer.name === ann.name)?.pools;
  expect(await poolsOfAnn(bob)).toEqual([both]);
  expect(await poolsOfAnn(carl)).toEqual([]);
  expect(await poolsOfAnn()).toEqual([both, open]);
});

interface Step {
  do: "create" | "invite" | "join" | "leave" | "send" | "direct" | "propose" | "vote" | "archive" | "decide" | "wait";
  who: number;
  whom: number;
  pool: number;
}
const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom(
    ...(["create", "invite", "invite", "join", "leave", "send", "send", "direct", "propose"] as const),
    ...(["vote", "archive", "decide", "wait"] as const),
  ),
  who: fc.nat(4),
  whom: fc.nat(4),
  pool: fc.nat(1),
});

/** A word that was used in a pool once. Members at that time, or later, may read it. */
interface Secret {
  word: string;
  pool: number;
  known: Set<string>;
}

test("whatever happens in private pools, only members at that time or later can read it", async () => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 30 }), async (steps) => {
      const peers = await scene(5);
      const secrets: Secret[] = [];
      const pools: string[] = [];
      const proposals: string[] = [];
      const said: string[] = [];
      const inside = async (pool: number): Promise<string[]> => {
        const id = pools[pool];
        return id ? (await works.call("pool_status", { pool: id })).members.map((one) => one.peer_id) : [];
      };
      const learn = async (): Promise<void> => {
        for (const pool of [0, 1]) {
          const now = await inside(pool);
          for (const secret of secrets) if (secret.pool === pool) for (const id of now) secret.known.add(id);
        }
      };
      for (const [i, { do: what, who, whom, pool }] of [
        { do: "create", who: 0, whom: 1, pool: 0 } as Step,
        ...steps,
      ].entries()) {
        const [me, other] = [peers[who], peers[whom]];
        if (!me || !other) throw new Error("no such peer");
        count++;
        const word = `zq${count}x`;
        const id = pools[pool];
        secrets.push({ word, pool, known: new Set(await inside(pool)) });
        if (what === "create") {
          if (id) continue;
          const made = JSON.parse(
            await answer("create_pool", { name: `${word}-pool`, purpose: word, private: true }, me),
          );
          pools[pool] = made.pool.pool_id;
        } else if (what === "wait") await works.pass(16 * 60_000, ...peers);
        else if (!id) continue;
        else if (what === "send" || what === "direct") {
          const to = what === "send" ? `@${id}` : `@${id}/${other.name}`;
          const sent = await answer("send_message", { to, text: word, thread_id: word }, me);
          if (sent.startsWith("{")) said.push(JSON.parse(sent).message_id);
        } else if (what === "propose") {
          const made = await answer("propose_release", { pool: id, peer: other.name, reason: word }, me);
          if (made.startsWith("{")) proposals.push(JSON.parse(made).proposal_id);
        } else if (what === "vote")
          await answer("vote_release", { proposal_id: proposals.at(-1) ?? "none", vote: "yes" }, me);
        else if (what === "decide")
          await answer("decide_release", { proposal_id: proposals.at(-1) ?? "none", decision: "passed" });
        else if (what === "invite")
          await answer("invite_to_pool", { pool: id, peer: other.name, role: word, reason: word }, me);
        else if (what === "join") await answer("join_pool", { pool: id, role: word }, me);
        else await answer(what === "leave" ? "leave_pool" : "archive_pool", { pool: id }, me);
        await learn();
        if (i % 8 === 7) await look();
      }
      await look();

      async function look(): Promise<void> {
        for (const peer of peers) {
          const hidden = secrets.filter((secret) => !secret.known.has(peer.peer_id));
          const seen = await wholeView(peer, pools, said, proposals);
          const read = hidden.find((secret) => seen.includes(secret.word));
          if (read) throw new Error(`${peer.name} reads ${read.word}: ${seen}`);
        }
      }
    }),
    { numRuns: onPostgres ? 4 : 15 },
  );
});

/** Everything that a peer can read, including the texts of errors. */
async function wholeView(
  me: TestPeer,
  pools: readonly string[],
  said: readonly string[],
  proposals: readonly string[],
): Promise<string> {
  const looks: [OperationName, Record<string, unknown>][] = [
    ["list_peers", {}],
    ["list_pools", { include_archived: true }],
    ["messages", { limit: 500 }],
    ["messages", { dead: true }],
    ...["zq1*", "zq2*", "zq3*"].map((query) => ["search", { query, limit: 100 }] as (typeof looks)[number]),
    ["check_messages", { limit: 100 }],
    ["held_messages", {}],
    ["inbound_policy", {}],
    ["list_services", {}],
    ["heartbeat", { host_pid: me.place.host_pid, held: [] }],
    ["pool_status", { pool: "nowhere" }],
    ["send_message", { to: "@nowhere", text: "x" }],
    // Refused to everybody: only the error text matters.
    ...proposals.map((id) => ["decide_release", { proposal_id: id, decision: "rejected" }] as (typeof looks)[number]),
    ...said.flatMap((message_id): typeof looks => [
      ["message_status", { message_id }],
      ["send_message", { to: me.name, text: "x", reply_to: message_id }],
      ["resend_message", { message_id }],
    ]),
    ...pools.flatMap((pool): typeof looks => [
      ["pool_status", { pool: pool.slice(0, 12) }],
      ["list_peers", { pool }],
      ["messages", { pool, full: true }],
      ["search", { pool, query: "zq1*" }],
      ["send_message", { to: `@${pool}/${me.name}`, text: "x" }],
    ]),
  ];
  const seen: string[] = [];
  for (const [name, input] of looks) seen.push(`${name}: ${await answer(name, input, me)}`);
  return seen.join("\n");
}

describe("private pools of strangers with the name of another pool", () => {
  test("do not hide an archived pool from its members, nor an active one from anybody, however many they are", async () => {
    const [ann, bob, mallory] = await onlyThree();
    const { pool: over } = await works.call("create_pool", { name: "harvest", purpose: "x" }, ann);
    await works.call("join_pool", { pool: "harvest" }, bob);
    await works.call("archive_pool", { pool: "harvest" }, ann);
    for (const stranger of await scene(60))
      for (const name of ["harvest", "sowing"])
        await works.call("create_pool", { name, purpose: "x", private: true }, stranger);
    // Archived ones cost a single stranger nothing.
    for (let n = 0; n < 60; n++) {
      const { pool } = await works.call("create_pool", { name: "harvest", purpose: "x", private: true }, mallory);
      await works.call("archive_pool", { pool: pool.pool_id }, mallory);
    }
    const { pool: active } = await works.call("create_pool", { name: "sowing", purpose: "x" }, ann);
    for (const member of [ann, bob])
      expect((await works.call("pool_status", { pool: "harvest" }, member)).pool.pool_id).toBe(over.pool_id);
    expect((await works.call("join_pool", { pool: "sowing" }, bob)).pool.pool_id).toBe(active.pool_id);
    expect(await answer("create_pool", { name: "sowing", purpose: "y" }, bob)).toContain("conflict");
  });
});
