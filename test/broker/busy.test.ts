/** Busy signals: who asks for quiet gets it, and everything that waited afterwards, once. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { openEvents } from "../support/events.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { lastSeq, mailFor, newsFor, newTeam } from "../support/pools.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

let pairs = 0;

async function pair(): Promise<[TestPeer, TestPeer]> {
  pairs += 1;
  return [await newPeer(broker, `ann-${pairs}`), await newPeer(broker, `ben-${pairs}`)];
}

const WHOLE = { limit: 100, budget: 7600 };
const claim = (peer: TestPeer) => ok(broker, "claim_messages", WHOLE, peer);
const texts = ({ messages }: { messages: { text: string }[] }): string[] => messages.map(({ text }) => text);

describe("a busy peer", () => {
  test("is left alone by normal and low mail, not by what interrupts, and gets the rest when it is ready", async () => {
    const [ann, ben] = await pair();
    const busy = await ok(broker, "set_busy", { reason: "the test suite", estimate_seconds: 360 }, ben);
    expect(busy).toMatchObject({ presence: "busy", busy_reason: "the test suite", busy_until: expect.any(Number) });
    for (const urgency of ["normal", "low", "interrupt"] as const) {
      const { recipients } = await ok(broker, "send_message", { to: ben.name, text: urgency, urgency }, ann);
      expect(recipients[0]?.state).toBe("queued");
    }
    const first = await claim(ben);
    expect(texts(first)).toEqual(["interrupt"]);
    expect(first).toMatchObject({ remaining: 0, interrupts: 0, too_long: [] });
    const beat = { claude_pid: ben.place.claude_pid, held: [] };
    expect(await ok(broker, "heartbeat", beat, ben)).toMatchObject({ waiting: 0, unread: 3, presence: "busy" });
    expect(texts(await claim(ben))).toEqual([]);

    const events = await openEvents(broker, ben);
    const before = events.seen().length;
    expect(await ok(broker, "set_ready", {}, ben)).toMatchObject({ presence: "idle", waiting: 3 });
    await events.count(before + 1);
    expect(await ok(broker, "heartbeat", beat, ben)).toMatchObject({ waiting: 2 });
    const second = await claim(ben);
    expect(texts(second)).toEqual(["normal", "low"]);
    expect(second.messages.map(({ redelivered, attempt }) => [redelivered, attempt])).toEqual([
      [false, 1],
      [false, 1],
    ]);
    expect(texts(await claim(ben))).toEqual([]);
  });

  test("is told of by the answer to who writes to it: with what, and for how long still", async () => {
    const [ann, ben] = await pair();
    let sent = 0;
    const note = async (urgency: "normal" | "interrupt") => {
      sent += 1;
      const { recipients } = await ok(broker, "send_message", { to: ben.name, text: `no ${sent}`, urgency }, ann);
      return recipients[0]?.note;
    };
    await ok(broker, "set_busy", { reason: "the test suite", estimate_seconds: 360 }, ben);
    expect(await note("normal")).toBe(
      `${ben.name} is busy with "the test suite", about 6 min left, and gets it when it is ready`,
    );
    expect(await note("interrupt")).toBe(
      `${ben.name} is busy with "the test suite", about 6 min left; an interrupt goes through`,
    );
    await ok(broker, "set_busy", { reason: "the last test", estimate_seconds: 40 }, ben);
    expect(await note("normal")).toMatch(/busy with "the last test", about (40|39|38) s left,/);
    await ok(broker, "set_ready", {}, ben);
    expect(await note("normal")).toMatch(/is idle and will be woken/);
  });

  test("may take its mail by itself all the same", async () => {
    const [ann, ben] = await pair();
    await ok(broker, "set_busy", { reason: "thinking", estimate_seconds: 60 }, ben);
    await ok(broker, "send_message", { to: ben.name, text: "asked for" }, ann);
    expect(texts(await ok(broker, "check_messages", {}, ben))).toEqual(["asked for"]);
  });

  test("that gave back what lay in its spool gets it once, unmarked, when it is ready", async () => {
    const [ann, ben] = await pair();
    await ok(broker, "send_message", { to: ben.name, text: "already claimed" }, ann);
    const [held] = (await claim(ben)).messages;
    await ok(broker, "set_busy", { reason: "thinking", estimate_seconds: 60 }, ben);
    const { message_id = "", attempt = 0 } = held ?? {};
    await ok(broker, "ack_messages", { acks: [{ message_id, attempt, outcome: "returned" }] }, ben);
    expect(texts(await claim(ben))).toEqual([]);
    await ok(broker, "set_ready", {}, ben);
    expect((await claim(ben)).messages).toMatchObject([{ text: "already claimed", attempt: 2, redelivered: false }]);
  });

  test("gets its mail, and a hint of it, when its estimate has passed by half", async () => {
    const [ann, ben] = await pair();
    const events = await openEvents(broker, ben);
    await ok(broker, "set_busy", { reason: "a second", estimate_seconds: 1 }, ben);
    await ok(broker, "send_message", { to: ben.name, text: "later" }, ann);
    const hinted = events.seen().length;
    expect(texts(await claim(ben))).toEqual([]);
    const claimed = await until("it comes", async () => {
      const { messages } = await claim(ben);
      return messages.length > 0 && messages;
    });
    expect(claimed).toMatchObject([{ text: "later", redelivered: false }]);
    await events.count(hinted + 1);
    await until("it is idle", async () => {
      const { peers } = await ok(broker, "list_peers", {});
      const seen = peers.find(({ peer_id }) => peer_id === ben.peer_id);
      return seen?.presence === "idle" && seen.busy_reason === undefined;
    });
  });

  test("may say it anew: the new estimate counts from then", async () => {
    const [, ben] = await pair();
    await ok(broker, "set_busy", { reason: "one", estimate_seconds: 1 }, ben);
    const { busy_until = 0 } = await ok(broker, "set_busy", { reason: "two", estimate_seconds: 3600 }, ben);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const { peers } = await ok(broker, "list_peers", {});
    expect(peers.find(({ peer_id }) => peer_id === ben.peer_id)).toMatchObject({
      presence: "busy",
      busy_reason: "two",
      busy_until,
    });
  });

  test("whose process has ended is not busy in its next one", async () => {
    const [, ben] = await pair();
    await ok(broker, "set_busy", { reason: "gone", estimate_seconds: 3600 }, ben);
    await ok(broker, "unregister", { claude_pid: ben.place.claude_pid }, ben);
    const away = (await ok(broker, "list_peers", {})).peers.find(({ peer_id }) => peer_id === ben.peer_id);
    expect(away).toMatchObject({ presence: "offline" });
    expect(away).not.toHaveProperty("busy_reason");
    expect(away).not.toHaveProperty("busy_until");
    await ok(broker, "register", { ...ben.place, claude_pid: ben.place.claude_pid + 100_000 }, ben);
    const back = (await ok(broker, "list_peers", {})).peers.find(({ peer_id }) => peer_id === ben.peer_id);
    expect(back?.presence).toBe("idle");
  });
});

describe("a long command", () => {
  test("shows its session as busy, delays no mail, and ends with it", async () => {
    const [ann, ben] = await pair();
    const beat = { claude_pid: ben.place.claude_pid, presence: "active" as const, held: [] };
    expect(await ok(broker, "heartbeat", { ...beat, command_ms: 60_000 }, ben)).toMatchObject({ presence: "busy" });
    const { recipients } = await ok(broker, "send_message", { to: ben.name, text: "during" }, ann);
    expect(recipients[0]?.note).toBe(`${ben.name} is busy with "a long command", and gets it after that`);
    expect(texts(await claim(ben))).toEqual(["during"]);
    expect(await ok(broker, "heartbeat", beat, ben)).toMatchObject({ presence: "active" });
  });
});

/** What may happen around a busy peer, in any order. */
type Step =
  | { do: "send"; urgency: "interrupt" | "normal" | "low" }
  | { do: "busy"; seconds: number }
  | { do: "ready" | "claim" | "give back" | "deliver" | "beat" }
  | { do: "wait"; seconds: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("send" as const), urgency: fc.constantFrom("interrupt", "normal", "low") }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("busy" as const), seconds: fc.constantFrom(1, 10, 600) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom("ready", "claim", "claim", "give back", "deliver", "beat") }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), seconds: fc.constantFrom(1, 5, 15, 25) }) },
);

describe("whatever happens around a busy peer, in any order", () => {
  test("its mail is neither lost nor delivered twice, and only what interrupts comes while it asks for quiet", async () => {
    const works = await openClockwork();
    const ann = await works.newPeer("ann");
    let disturbed = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const ben = await works.newPeer("ben");
        const sent: string[] = [];
        const delivered: string[] = [];
        let held: { message_id: string; attempt: number; text: string }[] = [];
        let quietUntil = 0;
        for (const what of steps) await take(what);
        // In the end it is ready, and takes everything.
        await take({ do: "ready" });
        await take({ do: "deliver" });
        for (let i = 0; i < 5; i++) {
          await take({ do: "claim" });
          await take({ do: "deliver" });
        }
        expect([...delivered].sort()).toEqual([...sent].sort());
        await works.call("unregister", { claude_pid: ben.place.claude_pid }, ben);

        async function take(what: Step): Promise<void> {
          switch (what.do) {
            case "send": {
              const text = `${what.urgency} ${sent.length}`;
              sent.push(text);
              await works.call("send_message", { to: ben.peer_id, text, urgency: what.urgency }, ann);
              return;
            }
            case "busy":
              quietUntil = works.now() + what.seconds * 1500;
              await works.call("set_busy", { reason: "tests", estimate_seconds: what.seconds }, ben);
              // As the session server does.
              return take({ do: "give back" });
            case "ready":
              quietUntil = 0;
              await works.call("set_ready", {}, ben);
              return;
            case "claim": {
              const { messages } = await works.call("claim_messages", WHOLE, ben);
              for (const message of messages) {
                expect(message.redelivered).toBe(false);
                if (works.now() < quietUntil) expect(message.urgency).toBe("interrupt");
                if (works.now() < quietUntil) disturbed++;
              }
              held.push(...messages);
              return;
            }
            case "give back":
            case "deliver": {
              const outcome = what.do === "deliver" ? "delivered" : "returned";
              const acks = held.map(({ message_id, attempt }) => ({ message_id, attempt, outcome }) as const);
              if (acks.length === 0) return;
              expect(await works.call("ack_messages", { acks }, ben)).toEqual({ acknowledged: acks.length, stale: 0 });
              if (outcome === "delivered") delivered.push(...held.map(({ text }) => text));
              held = [];
              return;
            }
            case "beat":
              await works.call("heartbeat", { claude_pid: ben.place.claude_pid, held }, ben);
              return;
            case "wait":
              await take({ do: "beat" });
              return works.pass(what.seconds * 1000, ann, ben).then(() => take({ do: "beat" }));
          }
        }
      }),
      { numRuns: 150 },
    );
    expect(disturbed).toBeGreaterThan(0);
  });
});

describe("members that wait on a poll", () => {
  async function pollers(works: Clockwork) {
    const ann = await works.newPeer("ann");
    const ben = await works.newPeer("ben", { polls: true });
    const carol = await works.newPeer("carol");
    const stranger = await works.newPeer("dan", { polls: true });
    await works.call("create_pool", { name: "team", purpose: "tests" }, ann);
    for (const peer of [ben, carol]) await works.call("join_pool", { pool: "team" }, peer);
    for (const peer of [ann, ben, carol, stranger]) await take(works, peer);
    return { ann, ben, carol, stranger };
  }
  const take = async (works: Clockwork, peer: TestPeer): Promise<string[]> =>
    texts(await works.call("check_messages", { limit: 100 }, peer));

  test("are told to slow down while a fellow is busy, and to resume when it is ready; nobody else is", async () => {
    const works = await openClockwork();
    const { ann, ben, carol, stranger } = await pollers(works);
    await works.call("set_busy", { reason: 'the "suite"', estimate_seconds: 1200 }, ann);
    expect(await take(works, ben)).toEqual([
      "ann is busy for about 20 min: \"the 'suite'\". If you wait for it, slow your poll down to one in 10 minutes until you are told that it is ready.",
    ]);
    await works.call("set_ready", {}, ann);
    expect(await take(works, ben)).toEqual(["ann is ready. Poll once a minute again."]);
    for (const peer of [carol, stranger, ann]) expect(await take(works, peer)).toEqual([]);
  });

  test.each([
    ["the sweep", (works: Clockwork, ...all: TestPeer[]) => works.pass(1500, ...all.slice(1))],
    [
      "a heartbeat that comes before the sweep",
      async (works: Clockwork, ann: TestPeer) => {
        works.setOn(1500);
        await works.call("heartbeat", { claude_pid: ann.place.claude_pid, held: [] }, ann);
      },
    ],
  ])("are told once to resume when the estimate has passed by half, by %s", async (_, end) => {
    const works = await openClockwork();
    const { ann, ben, carol, stranger } = await pollers(works);
    await works.call("set_busy", { reason: "a second", estimate_seconds: 1 }, ann);
    await take(works, ben);
    await end(works, ann, ben, carol, stranger);
    await works.pass(1000, ann, ben);
    await works.pass(1000, ann, ben);
    expect(await take(works, ben)).toEqual(["ann is ready. Poll once a minute again."]);
  });

  test("are told also when the busy one has gone for good, or has come back in a new process", async () => {
    const works = await openClockwork();
    const { ann, ben } = await pollers(works);
    await works.call("set_busy", { reason: "a minute", estimate_seconds: 60 }, ann);
    await works.call("unregister", { claude_pid: ann.place.claude_pid }, ann);
    await take(works, ben);
    await works.pass(90_000, ben);
    expect(await take(works, ben)).toContain("ann is offline. Poll once a minute again.");

    await works.call("register", ann.place, ann);
    await works.call("set_busy", { reason: "a minute", estimate_seconds: 60 }, ann);
    await works.call("unregister", { claude_pid: ann.place.claude_pid }, ann);
    await works.call("register", { ...ann.place, claude_pid: 77 }, ann);
    expect((await take(works, ben)).at(-1)).toBe("ann is ready. Poll once a minute again.");
  });

  test("are woken by none of that", async () => {
    const { peers } = await newTeam(broker, 1);
    const [ann] = peers as [TestPeer];
    const poller = await newPeer(broker, "poller", { polls: true });
    const [pool = ""] = (await ok(broker, "list_peers", {})).peers.find((one) => one.name === ann.name)?.pools ?? [];
    await ok(broker, "join_pool", { pool }, poller);
    const since = await lastSeq(broker);
    await ok(broker, "set_busy", { reason: "x", estimate_seconds: 100 }, ann);
    await ok(broker, "set_ready", {}, ann);
    expect((await newsFor(broker, poller, since)).map(({ urgency }) => urgency)).toEqual(["low", "low"]);
    expect((await mailFor(broker, ann)).filter(({ text }) => /poll (down|once)/i.test(text))).toEqual([]);
  });
});
