/** What a lone broker remembers of recent sends and of mailboxes: never less than there is, and no reading while it is little. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBounds } from "../../src/operations/core/bounds.ts";
import { type Environment, transact } from "../../src/operations/core/transaction.ts";
import { lastMinute } from "../../src/rules/guards.ts";
import type { Sql, Store, Value } from "../../src/store/store.ts";
import { openClockwork } from "../support/clockwork.ts";
import { newStore, onPostgres } from "../support/database.ts";
import { rejectedBy } from "../support/thrown.ts";

const START = 1_800_000_000_000;

describe("a bound", () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        what: fc.constant("send" as const),
        charge: fc.integer({ min: 1, max: 9 }),
        text: fc.integer({ min: 0, max: 4 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant("report" as const), charge: fc.integer({ min: 1, max: 3 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ what: fc.constant("rolled back" as const), text: fc.integer({ min: 0, max: 4 }) }),
    },
    { weight: 3, arbitrary: fc.record({ what: fc.constant("count" as const) }) },
    {
      weight: 6,
      arbitrary: fc.record({ what: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 90_000 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant("step back" as const), ms: fc.integer({ min: 1, max: 9_000 }) }),
    },
  );

  test("of what a peer sent is never below the count of its last minute, and knows every text of it", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const open = createBounds();
        const stored: { at: number; charge: number; text?: string }[] = [];
        let now = START;
        const recent = () => {
          const { since, until } = lastMinute({ now, confirmed: now });
          return stored.filter(({ at }) => at > since && at <= until);
        };
        for (const one of steps) {
          const bounds = open();
          if (one.what === "wait") now += one.ms;
          if (one.what === "step back") now -= one.ms;
          if (one.what === "rolled back") bounds.addSent("me", 1, { target: "you", text: `${one.text}` }, now);
          if (one.what === "send") {
            const text = `${one.text}`;
            stored.push({ at: now, charge: one.charge, text });
            bounds.addSent("me", one.charge, { target: "you", text }, now);
          }
          if (one.what === "report") {
            stored.push({ at: now, charge: one.charge });
            bounds.addSent("me", one.charge, undefined, now);
          }
          if (one.what === "count") {
            const texts = recent().flatMap(({ text }) => (text === undefined ? [] : { target: "you", text }));
            const charges = recent().reduce((sum, { charge }) => sum + charge, 0);
            bounds.setSent("me", { charges, messages: texts.length }, texts, now);
          }
          bounds.settle();
          const atMost = bounds.sent("me", now);
          if (!atMost) continue;
          const exact = recent();
          expect(atMost.charges).toBeGreaterThanOrEqual(exact.reduce((sum, { charge }) => sum + charge, 0));
          expect(atMost.messages).toBeGreaterThanOrEqual(exact.filter(({ text }) => text !== undefined).length);
          for (const { text } of exact)
            if (text !== undefined) expect(bounds.mayHaveSent("me", { target: "you", text }, now)).toBe(true);
        }
      }),
      {
        examples: [
          [
            [
              { what: "send", charge: 1, text: 0 },
              { what: "wait", ms: 60_000 },
              { what: "count" },
              { what: "step back", ms: 1 },
            ],
          ],
          [
            [
              { what: "report", charge: 1 },
              { what: "step back", ms: 9_000 },
              { what: "step back", ms: 1_001 },
              { what: "count" },
              { what: "wait", ms: 1 },
            ],
          ],
        ],
      },
    );
  });

  test("is unknown again after the clock was set back, and forgets what two minutes ago was sent", () => {
    const bounds = createBounds()();
    bounds.setSent("me", { charges: 0, messages: 0 }, [], START);
    bounds.addSent("me", 5, { target: "you", text: "hello" }, START);
    expect(bounds.sent("me", START + 61_000)).toEqual({ charges: 5, messages: 1 });
    expect(bounds.sent("me", START + 141_000)).toEqual({ charges: 0, messages: 0 });
    expect(bounds.mayHaveSent("me", { target: "you", text: "hello" }, START + 141_000)).toBe(false);
    bounds.setWakes("me", 2, START + 141_000);
    bounds.addWake("me");
    expect(bounds.wakes("me", START + 141_000)).toBe(3);
    expect([bounds.sent("me", START), bounds.wakes("me", START)]).toEqual([undefined, undefined]);
    // A wake from later than now is not counted yet.
    bounds.setWakes("me", 0, START);
    expect(bounds.wakes("me", START + 141_000)).toBeUndefined();
  });

  test("counted in a transaction is unknown to others until its commit, and to all after its rollback", async () => {
    const bounds = createBounds();
    const store: Store = await newStore();
    const environment = {
      store,
      bounds,
      now: () => START,
      confirmed: () => START,
      isConfirmed: () => true,
    } as Environment;
    const failing = transact(environment, async (context) => {
      // As after mail was deleted by the same transaction.
      context.bounds?.setWaiting("me", { messages: 0, characters: 0 });
      context.bounds?.setSent("me", { charges: 0, messages: 0 }, [], START);
      expect([bounds().waiting("me"), bounds().sent("me", START)]).toEqual([undefined, undefined]);
      throw new Error("rolled back");
    });
    await expect(failing).rejects.toThrow("rolled back");
    expect([bounds().waiting("me"), bounds().sent("me", START)]).toEqual([undefined, undefined]);
    await store.close();
  });
});

/** The same store, which notes each statement. */
function noting(store: Store, statements: string[]): Store {
  const noted =
    (sql: Sql): Sql =>
    (text: string, ...values: Value[]) => {
      statements.push(text);
      return sql(text, ...values);
    };
  return { ...store, tx: (work, isolation) => store.tx((sql) => work(noted(sql)), isolation) };
}

describe("a send", () => {
  async function stage() {
    const statements: string[] = [];
    const limits = {
      sends_per_minute: 600,
      sends_per_pair: 100,
      repeat_seconds: 60,
      mailbox_messages: 2_000,
      wakes_per_hour: 60,
    };
    const works = await openClockwork(undefined, noting(await newStore(), statements), limits);
    const [ann] = [await works.newPeer("ann"), await works.newPeer("bob")];
    const send = async (text: string) => {
      statements.length = 0;
      await works.call("send_message", { to: "bob", text }, ann);
      return [...statements];
    };
    return { works, send };
  }

  test("to a peer runs as many statements, however much its sender has sent and its recipient has waiting", async () => {
    const { send } = await stage();
    await send("the first one counts what it finds");
    const second = await send("the second one");
    for (let i = 0; i < 80; i++) await send(`message ${i}`);
    expect(await send("the last one")).toEqual(second);
    // Who sends, to whom, its policies; the message, the delivery; on PostgreSQL its words.
    expect(second).toHaveLength(onPostgres ? 6 : 5);
  });

  test("tells its sender that the recipient is woken, until it was woken too often within the hour", async () => {
    const works = await openClockwork(undefined, await newStore(), { wakes_per_hour: 8 });
    const [ann, bob] = [await works.newPeer("ann"), await works.newPeer("bob")];
    const claim = { limit: 9, budget: 9_000 };
    /** Sends, wakes bob with it, and returns what ann was told. */
    async function wake(n: number): Promise<unknown> {
      const { recipients } = await works.call("send_message", { to: "bob", text: `message ${n}` }, ann);
      const { messages } = await works.call("claim_messages", claim, bob);
      const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
      await works.call("ack_messages", { acks, via: "wake", batch: `b${n}` }, bob);
      return recipients[0]?.note;
    }
    const notes: unknown[] = [];
    for (let n = 0; n < 8; n++) notes.push(await wake(n));
    const woken = "idle and will be woken";
    // The last quarter is for peers that caused few of them.
    expect(notes.slice(0, 6)).toEqual(Array(6).fill(woken));
    expect(notes.slice(6)).toEqual(Array(2).fill(expect.stringContaining("reached its limit of wakes per hour")));
    await works.pass(3_600_000, bob);
    expect(await wake(8)).toBe(woken);
  });

  test("near a limit is counted, and refused exactly at the limit", async () => {
    const { works, send } = await stage();
    for (let i = 0; i < 100; i++) await send(`message ${i}`);
    expect(await rejectedBy(send("one more"))).toMatchObject({ code: "rate_limited" });
    works.setOn(59_999);
    expect(await rejectedBy(send("one more"))).toMatchObject({ code: "rate_limited" });
    works.setOn(1);
    await send("one more");
  });
});
