/** Rows for tests of large numbers, put into a store as they are. */
import type { Row } from "../../src/store/store.ts";
import type { Clockwork } from "./clockwork.ts";
import { newMessageId, type TestPeer } from "./peers.ts";

const id = (kind: string, i: number): string => `${kind}${i.toString(16).padStart(31, "0")}`;

const peerRow = (i: number, now: number): Row => ({
  peer_id: id("a", i),
  name: `peer-${i}`,
  name_key: `peer-${i}`,
  secret_hash: "none",
  host: "elsewhere",
  claude_pid: 1_000 + i,
  cwd: "/work",
  summary: "",
  presence: "idle",
  last_seen: now,
  created_at: now - i,
});

const poolRow = (i: number, now: number): Row => ({
  pool_id: id("b", i),
  name: `pool-${i}`,
  name_key: `pool-${i}`,
  active_name: `pool-${i}`,
  purpose: "growth",
  created_by: id("a", i),
  created_at: now - i,
});

const memberRow = (pool: number, peer: number, now: number, role = "member"): Row => ({
  pool_id: id("b", pool),
  peer_id: id("a", peer),
  role,
  joined_at: now,
});

const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** `n` messages of one peer to another, as rows. One in four is an interrupt. */
export function mailFor(
  to: TestPeer,
  from: TestPeer,
  n: number,
  now: number,
  state: "queued" | "read" = "queued",
): { messages: Row[]; deliveries: Row[] } {
  const all = numbers(n).map((i) => ({ message_id: `mail-${i}`.padEnd(36, "-"), seq: i + 1, isUrgent: i % 4 === 3 }));
  return {
    messages: all.map(({ message_id, seq, isUrgent }) => ({
      message_id,
      seq,
      from_id: from.peer_id,
      from_name: from.name,
      to_address: to.name,
      thread_id: message_id,
      urgency: isUrgent ? "interrupt" : "normal",
      text: "growth",
      sent_at: now,
      hops: 0,
      answer: "{}",
      target: to.peer_id,
    })),
    deliveries: all.map(({ message_id, seq, isUrgent }) => ({
      message_id,
      peer_id: to.peer_id,
      seq,
      state,
      attempt: 0,
      redelivered: 0,
      payer: from.peer_id,
      rank: isUrgent ? 0 : 1,
      characters: "growth".length,
    })),
  };
}

/** Fills a store with `n` of something. Half of the peers are away. */
export const fill = {
  async peers(works: Clockwork, n: number): Promise<void> {
    await works.fill(
      "peers",
      numbers(n).map((i) => ({ ...peerRow(i, works.now()), presence: i % 2 ? "offline" : "idle" })),
    );
  },
  async pools(works: Clockwork, n: number): Promise<void> {
    await fill.peers(works, n);
    await works.fill(
      "pools",
      numbers(n).map((i) => poolRow(i, works.now())),
    );
    await works.fill(
      "members",
      numbers(n).flatMap((i) => [
        memberRow(i, i, works.now(), "lead"),
        memberRow(i, (i + 2) % n, works.now()),
        memberRow(i, (i + 4) % n, works.now()),
      ]),
    );
  },
  async proposals(works: Clockwork, n: number): Promise<void> {
    await fill.pools(works, n);
    await works.fill(
      "proposals",
      numbers(n).map((i) => ({
        proposal_id: id("c", i),
        pool_id: id("b", i),
        subject_id: id("a", i),
        proposer_id: id("a", i),
        proposer: `peer-${i}`,
        reason: "growth",
        state: "open",
        outcome: "",
        created_at: works.now(),
        deadline: works.now() + 1e9,
      })),
    );
  },
  async services(works: Clockwork, n: number, me: TestPeer): Promise<void> {
    await works.fill(
      "services",
      numbers(n).map((i) => ({
        service_id: id("d", i),
        kind: "web",
        name: `web-${i}`,
        url: `http://box:${i}`,
        host: "box",
        endpoint: `box:${i}`,
        owner: me.peer_id,
        held: 0,
        ttl: 1e9,
        registered_at: works.now() - i,
        renewed_at: works.now(),
        health: "unknown",
      })),
    );
  },
  async "held mail"(works: Clockwork, n: number, me: TestPeer): Promise<void> {
    const ids = numbers(n).map(() => newMessageId());
    await works.fill(
      "messages",
      ids.map((message_id, i) => ({
        message_id,
        seq: i + 1,
        from_id: me.peer_id,
        from_name: me.name,
        to_address: me.name,
        thread_id: message_id,
        urgency: "normal",
        text: "growth",
        sent_at: works.now(),
        hops: 0,
        answer: "{}",
        target: me.peer_id,
      })),
    );
    await works.fill(
      "deliveries",
      ids.map((message_id, i) => ({
        message_id,
        peer_id: me.peer_id,
        seq: i + 1,
        state: "held",
        attempt: 0,
        redelivered: 0,
        expires_at: works.now() + 1e9,
      })),
    );
  },
  async devices(works: Clockwork, n: number): Promise<void> {
    await works.fill(
      "devices",
      numbers(n).map((i) => ({
        device_id: id("e", i),
        name: `box-${i}`,
        scope: "post",
        token_hash: `hash-${i}`,
        created_at: works.now() - i,
      })),
    );
  },
  async notes(works: Clockwork, n: number): Promise<void> {
    await works.fill(
      "notes",
      numbers(n).map((i) => ({ note_id: id("f", i), at: works.now() - i, subject: `s ${i}`, text: `note ${i}` })),
    );
  },
};
