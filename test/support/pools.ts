/** Pools for tests, and the looks that show whether anything has changed. */
import type { OutputOf } from "../../src/operations/index.ts";
import { ok } from "./api.ts";
import type { TestBroker } from "./broker.ts";
import { allMessages, newPeer, type TestPeer } from "./peers.ts";

let lastTeam = 0;

export interface Team {
  pool: string;
  /** The first is the lead, the others are members in this order. */
  peers: TestPeer[];
}

/** A pool of its own with so many members; nobody has said anything yet but the broker. */
export async function newTeam(broker: TestBroker, size: number): Promise<Team> {
  lastTeam += 1;
  const pool = `team-${lastTeam}`;
  const peers: TestPeer[] = [];
  for (const name of ["ann", "ben", "carol", "dan", "eve", "fay"].slice(0, size))
    peers.push(await newPeer(broker, `${name}${lastTeam}`));
  const [lead, ...others] = peers;
  await ok(broker, "create_pool", { name: pool, purpose: `the work of ${pool}` }, lead);
  for (const peer of others) await ok(broker, "join_pool", { pool }, peer);
  return { pool, peers };
}

/** A pool as the operator sees it. */
export function status(broker: TestBroker, pool: string): Promise<OutputOf<"pool_status">> {
  return ok(broker, "pool_status", { pool });
}

/** `name role` of each member. */
export async function roles(broker: TestBroker, pool: string): Promise<string[]> {
  return (await status(broker, pool)).members.map((member) => `${member.name} ${member.role}`);
}

type Sent = OutputOf<"messages">["messages"][number];

/** What was sent to a peer, oldest first, whether it has it yet or not. */
export async function mailFor(broker: TestBroker, peer: TestPeer): Promise<Sent[]> {
  return (await allMessages(broker)).filter(({ recipients }) => recipients.some((one) => one.peer_id === peer.peer_id));
}

/** What was sent to a peer since the message with this number. */
export async function newsFor(broker: TestBroker, peer: TestPeer, since: number): Promise<Sent[]> {
  return (await mailFor(broker, peer)).filter((message) => message.seq > since);
}

/** The texts that a peer finds when it looks for mail. */
export async function taken(broker: TestBroker, peer: TestPeer): Promise<string[]> {
  return (await ok(broker, "check_messages", { limit: 100 }, peer)).messages.map(({ text }) => text);
}

/** The number of the last message that was stored. */
export async function lastSeq(broker: TestBroker): Promise<number> {
  return (await allMessages(broker)).at(-1)?.seq ?? 0;
}

/** Everything that a refused call could have changed. */
export async function everything(broker: TestBroker): Promise<unknown> {
  const { pools } = await ok(broker, "list_pools", { include_archived: true });
  const { peers } = await ok(broker, "list_peers", { all: true });
  return {
    pools: await Promise.all(pools.map((pool) => ok(broker, "pool_status", { pool: pool.pool_id }))),
    peers: peers.map(({ last_seen: _, ...peer }) => peer),
    messages: await allMessages(broker),
  };
}
