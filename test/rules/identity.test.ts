import fc from "fast-check";
import { expect, test } from "vitest";
import { type ConversationRecord, candidates, withConversation } from "../../src/rules/identity.ts";

interface Known extends ConversationRecord {
  /** The process that is this peer, or was the last one. */
  pid: number;
}

const peer = (peer_id: string, session_id: string | undefined, more: Partial<Known> = {}): Known => ({
  peer_id,
  session_id,
  earlier: [],
  since: 0,
  pid: 0,
  ...more,
});

const ids = (found: readonly ConversationRecord[]): string[] => found.map((one) => one.peer_id);
/** Process 1 asks; 1 and 2 are running. */
const ask = (records: readonly Known[], session: string | undefined): string[] =>
  ids(
    candidates(
      records,
      session,
      (one) => one.pid === 1,
      (one) => one.pid === 1 || one.pid === 2,
    ),
  );

test("a conversation belongs to the peer that has it, unless that is another live process", () => {
  expect(ask([peer("a", "x"), peer("b", "y")], "x")).toEqual(["a"]);
  expect(ask([peer("a", "x", { pid: 2 })], "x")).toEqual([]);
  expect(ask([peer("a", "x", { pid: 2 }), peer("b", "x", { since: 1 })], "x")).toEqual(["b"]);
  expect(ask([peer("a", "x")], "z")).toEqual([]);
  expect(ask([peer("a", undefined)], undefined)).toEqual([]);
});

test("of two peers with a conversation the older one wins, unless the process already is the younger one", () => {
  expect(ask([peer("b", "x", { since: 2 }), peer("a", "x", { since: 1 })], "x")).toEqual(["a", "b"]);
  expect(ask([peer("b", "x", { since: 2, pid: 1 }), peer("a", "x", { since: 1 })], "x")).toEqual(["b", "a"]);
});

test("a process becomes the offline peer of the conversation that it resumes, and can go back", () => {
  const mine = peer("m", "mine", { pid: 1 });
  expect(ask([mine, peer("a", "x")], "x")).toEqual(["a", "m"]);
  expect(ask([mine, peer("a", "x", { pid: 2 })], "x")).toEqual(["m"]);
  expect(ask([mine, peer("a", "x")], "new")).toEqual(["m"]);
  expect(ask([mine, peer("a", "x")], undefined)).toEqual(["m"]);
  expect(ask([peer("m", "mine"), peer("a", "x", { pid: 1 })], "mine")).toEqual(["m", "a"]);
});

test("a conversation left by /clear stays with its peer unless another peer has it", () => {
  expect(ask([peer("a", "x2", { earlier: ["x"] })], "x")).toEqual(["a"]);
  expect(ask([peer("a", "x2", { earlier: ["x"], pid: 2 })], "x")).toEqual([]);
  expect(ask([peer("a", "x2", { earlier: ["x"], pid: 1 })], "x")).toEqual(["a"]);
  expect(ask([peer("a", "x2", { earlier: ["x"] }), peer("b", "x", { since: 1 })], "x")).toEqual(["b"]);
  const [late, early] = [peer("a", "p", { earlier: ["q", "x"] }), peer("b", "r", { earlier: ["x"], since: 1 })];
  expect(ask([late, early], "x")).toEqual(["b", "a"]);
});

test("a record keeps the current and earlier conversations, but none of another peer", () => {
  const a = peer("a", "x", { earlier: ["w"] });
  expect(withConversation(a, "y", [a])).toMatchObject({ session_id: "y", earlier: ["x", "w"] });
  expect(withConversation(a, "w", [a])).toMatchObject({ session_id: "w", earlier: ["x"] });
  expect(withConversation(a, "x", [a])).toBe(a);
  expect(withConversation(a, undefined, [a])).toBe(a);
  expect(withConversation(a, "y", [a, peer("b", "y")])).toBe(a);
  expect(withConversation(peer("n", undefined), "y", [])).toMatchObject({ session_id: "y", earlier: [] });
  let long = a;
  for (let i = 0; i < 100; i++) long = withConversation(long, `c${i}`, [long]);
  expect(long.earlier).toHaveLength(100);
  expect(long.earlier[0]).toBe("c98");
});

test("two live sessions are never one peer, and a conversation resumed alone is its former peer", () => {
  const step = fc.record({
    what: fc.constantFrom("start", "resume", "clear", "go", "end"),
    pid: fc.integer({ min: 1, max: 4 }),
    session: fc.integer({ min: 0, max: 5 }).map((n) => `s${n}`),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let records: Known[] = [];
      /** The conversation of each running process. */
      const running = new Map<number, string>();
      let made = 0;
      let fresh = 0;
      /** A new conversation. */
      const newOne = (): string => `new${++fresh}`;

      const settle = (pid: number, session: string): Known => {
        running.set(pid, session);
        const [first] = candidates(
          records,
          session,
          (one) => one.pid === pid,
          (one) => running.has(one.pid),
        );
        const now: Known = first
          ? { ...withConversation(first, session, records), pid }
          : peer(`p${++made}`, session, { pid, since: made });
        // The peer that this process was is offline now.
        records = records
          .filter((one) => one.peer_id !== now.peer_id)
          .map((one) => (one.pid === pid ? { ...one, pid: 0 } : one));
        records.push(now);
        return now;
      };

      for (const { what, pid, session } of steps) {
        const before = records.find((one) => one.pid === pid);
        if (what === "end") {
          running.delete(pid);
          records = records.map((one) => (one.pid === pid ? { ...one, pid: 0 } : one));
        } else if (what === "clear" && running.has(pid)) {
          expect(settle(pid, newOne()).peer_id).toBe(before?.peer_id);
        } else if (what === "go" && running.has(pid)) settle(pid, session);
        else if ((what === "start" || what === "resume") && !running.has(pid)) {
          const now = settle(pid, what === "start" ? newOne() : session);
          if (what === "start") expect(now.since).toBe(made);
        }
        const spoken = records.filter((one) => running.has(one.pid));
        expect(new Set(spoken.map((one) => one.pid)).size).toBe(running.size);
        expect(spoken).toHaveLength(running.size);
      }

      // All sessions end. Each conversation resumed alone, twice, is the same peer both times.
      records = records.map((one) => ({ ...one, pid: 0 }));
      running.clear();
      for (const one of [...records]) {
        if (one.session_id === undefined) continue;
        const first = settle(9, one.session_id);
        expect(first.session_id).toBe(one.session_id);
        running.clear();
        records = records.map((known) => ({ ...known, pid: 0 }));
        expect(settle(9, one.session_id).peer_id).toBe(first.peer_id);
        running.clear();
        records = records.map((known) => ({ ...known, pid: 0 }));
      }
    }),
  );
});
