import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  acknowledge,
  claim,
  type Delivery,
  expire,
  lapse,
  newDelivery,
  type Outcome,
  outcomes,
  renew,
  requeueUnread,
} from "../../src/rules/delivery.ts";
import { LEASE_MS, SKEW_MS } from "../../src/rules/presence.ts";

/** An event in the life of a delivery. `back`: how many attempts ago the named attempt was. */
type Step =
  | { do: "claim" }
  | { do: "renew"; back: number }
  | { do: "ack"; back: number; outcome: Outcome }
  | { do: "wait"; ms: number }
  | { do: "sweep" }
  /** The session server restarts without the claims of its predecessor. */
  | { do: "crash" }
  /** The host process died, and the conversation continues in a new one. */
  | { do: "resume" };

const back = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ do: "claim" }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("renew" as const), back }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("ack" as const), back, outcome: fc.constantFrom(...outcomes) }) },
  {
    weight: 2,
    // Also backwards, because a clock can be set back.
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: -LEASE_MS, max: 3 * LEASE_MS }) }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ do: "sweep" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "crash" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "resume" }) },
);

const START = 1_700_000_000_000;

interface Life {
  delivery: Delivery;
  now: number;
  /** Per attempt: whether it was marked as redelivered. */
  marks: boolean[];
  /** Whether a past attempt may have been shown. */
  shown: boolean;
}

/** Applies an event and checks the invariants. The model tracks what the holder of a claim may have shown. */
function take(life: Life, what: Step): void {
  const before = life.delivery;
  const next = outcomeOf(life, what);
  if (!next) return;
  expect(next.attempt).toBeGreaterThanOrEqual(before.attempt);
  expect(before.state).not.toBe("read");
  expect(before.state).not.toBe("expired");
  const endsAttempt = (before.state === "claimed" || before.state === "delivered") && next.state === "queued";
  const neverShown = what.do === "ack" && what.outcome === "returned";
  if (endsAttempt && !neverShown) life.shown = true;
  if (what.do === "claim") {
    expect(next.attempt).toBe(before.attempt + 1);
    expect(next.redelivered).toBe(life.shown);
    life.marks.push(next.redelivered);
  }
  life.delivery = next;
}

function outcomeOf(life: Life, what: Step): Delivery | undefined {
  const { delivery: d, now } = life;
  switch (what.do) {
    case "claim":
      return claim(d, now);
    case "renew":
      return unlessStale(d, what.back, renew(d, d.attempt - what.back, now));
    case "ack":
      return unlessStale(d, what.back, acknowledge(d, d.attempt - what.back, what.outcome, now));
    case "sweep":
      return lapse(d, now) ?? expire(d, now);
    case "crash":
      return d.state === "claimed" ? acknowledge(d, d.attempt, "lost", now) : undefined;
    case "resume":
      return d.state === "claimed" ? acknowledge(d, d.attempt, "lost", now) : requeueUnread(d);
    case "wait":
      life.now += what.ms;
      return undefined;
  }
}

/** An acknowledgement of an older attempt changes nothing. */
function unlessStale(d: Delivery, attemptsAgo: number, next: Delivery | undefined): Delivery | undefined {
  if (attemptsAgo > 0) expect(next).toBeUndefined();
  if (d.attempt === 0) expect(next).toBeUndefined();
  return next;
}

function live(expiresAt: number | null, steps: readonly Step[]): Life {
  const life: Life = { delivery: newDelivery(expiresAt), now: START, marks: [], shown: false };
  for (const what of steps) take(life, what);
  return life;
}

describe("any sequence of events", () => {
  test("never loses a message without an expiry: it can still be read", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const life = live(null, steps);
        expect(["queued", "claimed", "delivered", "read"]).toContain(life.delivery.state);
        if (life.delivery.state === "read") return;
        // The holder falls silent, then a working session claims it.
        if (life.delivery.state === "delivered") take(life, { do: "resume" });
        take(life, { do: "sweep" });
        life.now += LEASE_MS + SKEW_MS;
        take(life, { do: "sweep" });
        expect(life.delivery.state).toBe("queued");
        take(life, { do: "claim" });
        take(life, { do: "ack", back: 0, outcome: "delivered" });
        take(life, { do: "ack", back: 0, outcome: "read" });
        expect(life.delivery.state).toBe("read");
      }),
      { numRuns: 2000 },
    );
  });

  test("expires a message only while it is not claimed, and never after it was delivered", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 4 * LEASE_MS }), (steps, lifetime) => {
        const expiresAt = START + lifetime;
        const life = live(expiresAt, steps);
        const { state } = life.delivery;
        if (state === "queued") expect(claim(life.delivery, expiresAt)).toBeUndefined();
        expect(expire(life.delivery, expiresAt - 1)).toBeUndefined();
        expect(expire(life.delivery, expiresAt)?.state).toBe(state === "queued" ? "expired" : undefined);
      }),
      { numRuns: 2000 },
    );
  });

  test("marks a message as redelivered if and only if it may have been shown before", () => {
    // `take` compares the mark of every claim with what earlier ones may have shown. This checks that both cases occur.
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
        const { marks } = live(null, steps);
        if (marks.length > 1) seen.add(String(marks[1]));
      }),
      { numRuns: 1000, seed: 1 },
    );
    expect([...seen].sort()).toEqual(["false", "true"]);
  });

  test("never leaves the state read", () => {
    const read = live(null, [{ do: "claim" }, { do: "ack", back: 0, outcome: "read" }]).delivery;
    expect(read).toMatchObject({ state: "read", delivered_at: START, read_at: START });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const life: Life = { delivery: read, now: START, marks: [], shown: false };
        for (const what of steps) take(life, what);
        expect(life.delivery).toEqual(read);
      }),
    );
  });
});

describe("an acknowledgement", () => {
  const second = live(null, [{ do: "claim" }, { do: "ack", back: 0, outcome: "lost" }, { do: "claim" }]).delivery;

  test.each(outcomes)("'%s' of the first attempt does not change the second", (outcome) => {
    expect(second.attempt).toBe(2);
    expect(acknowledge(second, 1, outcome, START)).toBeUndefined();
    const delivered = acknowledge(second, 2, "delivered", START);
    expect(delivered?.state).toBe("delivered");
    expect(delivered && acknowledge(delivered, 1, outcome, START)).toBeUndefined();
  });

  test.each(outcomes)("'%s' of an unknown attempt is ignored", (outcome) => {
    expect(acknowledge(second, 3, outcome, START)).toBeUndefined();
    expect(acknowledge(newDelivery(null), 0, outcome, START)).toBeUndefined();
  });

  test("a repeated 'delivered' keeps the first time", () => {
    const delivered = acknowledge(second, 2, "delivered", START);
    expect(delivered && acknowledge(delivered, 2, "delivered", START + 5)).toBeUndefined();
  });

  test("'returned' after 'delivered' is ignored", () => {
    const delivered = acknowledge(second, 2, "delivered", START);
    expect(delivered && acknowledge(delivered, 2, "returned", START)).toBeUndefined();
    expect(delivered && acknowledge(delivered, 2, "lost", START)).toMatchObject({ state: "queued", redelivered: true });
  });
});

describe("a claim", () => {
  const claimed = live(null, [{ do: "claim" }]).delivery;

  test("lapses when its lease ends", () => {
    expect(lapse(claimed, START + LEASE_MS - 1)).toBeUndefined();
    expect(lapse(claimed, START + LEASE_MS)).toMatchObject({ state: "queued", redelivered: true, attempt: 1 });
  });

  test("does not lapse while it is renewed", () => {
    const renewed = renew(claimed, 1, START + LEASE_MS - 1);
    expect(renewed && lapse(renewed, START + LEASE_MS)).toBeUndefined();
  });

  test("lapses when the clock was set back far", () => {
    expect(lapse(claimed, START - SKEW_MS - 1)?.state).toBe("queued");
    expect(lapse(claimed, START - SKEW_MS)).toBeUndefined();
  });

  test("is exclusive", () => {
    expect(claim(claimed, START)).toBeUndefined();
  });
});

describe("a holder that was disconnected when its lease lapsed", () => {
  const claimed = (): Delivery => claim(newDelivery(null), 0) ?? newDelivery(null);
  const lapsed = (): Delivery => lapse(claimed(), LEASE_MS) ?? claimed();

  test("keeps the claim if nobody else got it, and nothing counts as lost", () => {
    expect(lapsed()).toMatchObject({ state: "queued", attempt: 1, lost: 1, redelivered: true });
    expect(renew(lapsed(), 1, 5)).toMatchObject({ state: "claimed", attempt: 1, lost: 0, leased_at: 5 });
    const again = claim(lapsed(), 5) ?? lapsed();
    expect(renew(again, 1, 6)).toBeUndefined();
    expect(acknowledge(again, 1, "read", 6)).toBeUndefined();
  });

  test("can still report the mail as delivered, so it is not delivered again", () => {
    expect(acknowledge(lapsed(), 1, "delivered", 9)).toMatchObject({ state: "delivered", lost: 0, delivered_at: 9 });
    expect(acknowledge(lapsed(), 1, "read", 9)).toMatchObject({ state: "read", read_at: 9 });
    expect(acknowledge(lapsed(), 1, "lost", 9)).toBeUndefined();
  });

  test("does not get back what it returned, nor what it never claimed", () => {
    const returned = acknowledge(claimed(), 1, "returned", 1) ?? claimed();
    expect(renew(returned, 1, 2)).toBeUndefined();
    expect(acknowledge(returned, 1, "delivered", 2)).toBeUndefined();
    expect(renew(newDelivery(null), 0, 2)).toBeUndefined();
  });
});
