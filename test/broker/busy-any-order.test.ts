/** Busy signals: no mail is lost or delivered twice, whatever happens in any order (property test). */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openClockwork } from "../support/clockwork.ts";
import { isSoak, times } from "../support/soak.ts";

const WHOLE = { limit: 100, budget: 7600 };

/** What can happen around a busy peer. */
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

describe("a busy peer, whatever happens in any order", () => {
  test("its mail is neither lost nor delivered twice, and only interrupts come while it is busy", async () => {
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
        await works.call("unregister", { host_pid: ben.place.host_pid }, ben);

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
              await works.call("heartbeat", { host_pid: ben.place.host_pid, held }, ben);
              return;
            case "wait":
              await take({ do: "beat" });
              return works.pass(what.seconds * 1000, ann, ben).then(() => take({ do: "beat" }));
          }
        }
      }),
      { numRuns: times(30, 150) },
    );
    // A short search may not come to it.
    if (isSoak) expect(disturbed).toBeGreaterThan(0);
  });
});
