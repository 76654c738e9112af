/** Requests are charged to who sends them, by what they cost: who has shown no valid token, or asks for much, slows only itself. */
import { describe, expect, test } from "vitest";
import { createMemoryBudget } from "../../src/broker/http/memory.ts";
import { CHALLENGE_HEADER, challengeFor, PROOF_PATH } from "../../src/platform/proof.ts";
import { hashSecret } from "../../src/platform/secrets.ts";
import { type Answer, call, ok, refusal, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer } from "../support/peers.ts";

type Where = Pick<TestBroker, "url" | "token">;

/** A device of this broker. Its programs are on this machine, too. */
async function device(broker: TestBroker, name: string, scope: "read" | "post" = "post") {
  const { token, device_id } = await ok(broker, "add_device", { name, scope });
  return { url: broker.url, token, device_id };
}

const health = (broker: Where, authorization?: string): Promise<Answer> =>
  send(broker, { method: "GET", path: "/health", headers: { authorization } });

const count = (answers: readonly Answer[], wanted: number): number =>
  answers.filter(({ status }) => status === wanted).length;

/** Sends until one is refused; returns how many were answered before, and the refusal. */
async function untilSlowed(make: (i: number) => Promise<Answer>, most: number) {
  for (let i = 0; i < most; i++) {
    const answer = await make(i);
    if (answer.status === 429) return { answered: i, end: answer };
  }
  return { answered: most, end: undefined };
}

describe("a flood of requests without a token", () => {
  // So low that also a slow machine sends faster than the buckets fill.
  const few = { CCT_REQUESTS_PER_SECOND: "10" };

  test("is refused, and heartbeats of sessions and devices at the same address still succeed", async () => {
    const broker = await startBroker({ env: { CCT_REQUESTS_PER_SECOND: "100" } });
    const ann = await newPeer(broker, "ann");
    const laptop = await device(broker, "laptop");
    const bob = await newPeer({ ...broker, ...laptop }, "bob");
    const flood = await Promise.all(Array.from({ length: 400 }, () => health(broker)));
    expect(count(flood, 429)).toBeGreaterThan(100);
    const refused = flood.find(({ status }) => status === 429);
    expect(refused && refusal(refused).message).toBe("Too many requests from this address without a valid token.");
    const beat = (where: Where, peer: typeof ann) =>
      call(where, "heartbeat", { host_pid: peer.place.host_pid, held: [] }, peer);
    const beats = await Promise.all(
      Array.from({ length: 100 }, (_, i) => [
        beat(broker, ann),
        beat(laptop, bob),
        ...(i % 2 ? [health(broker)] : []),
      ]).flat(),
    );
    expect(count(beats, 200)).toBeGreaterThanOrEqual(200);
    expect(count(beats, 401)).toBe(0);
  });

  test("does not keep out who proves to hold a token; repeating what was seen of it uses up nothing else", async () => {
    const broker = await startBroker({ env: few });
    const ann = await newPeer(broker, "ann");
    const challenge = challengeFor(hashSecret(broker.token), "0".repeat(32));
    const prove = (value: string) =>
      send(broker, {
        method: "GET",
        path: PROOF_PATH,
        headers: { authorization: undefined, [CHALLENGE_HEADER]: value },
      });
    await Promise.all(Array.from({ length: 100 }, () => health(broker)));
    expect((await prove(challenge)).status).toBe(200);
    const forged = challenge.slice(0, -64) + "0".repeat(64);
    expect(count(await Promise.all(Array.from({ length: 50 }, () => prove(forged))), 429)).toBeGreaterThan(0);
    const repeated = await Promise.all(Array.from({ length: 300 }, () => prove(challenge)));
    expect(count(repeated, 429)).toBeGreaterThan(0);
    await ok(broker, "heartbeat", { host_pid: ann.place.host_pid, held: [] }, ann);
  });

  test("does not keep out a device that comes back after a start of the broker", async () => {
    const first = await startBroker({ env: few });
    const laptop = await device(first, "laptop");
    const bob = await newPeer({ ...first, ...laptop }, "bob");
    await first.stop();
    const broker = await startBroker({ env: few, home: first.home });
    const flood = await Promise.all(Array.from({ length: 100 }, () => health(broker)));
    expect(count(flood, 429)).toBeGreaterThan(50);
    const beats = Array.from({ length: 20 }, () =>
      call({ url: broker.url, token: laptop.token }, "heartbeat", { host_pid: bob.place.host_pid, held: [] }, bob),
    );
    expect(count(await Promise.all(beats), 200)).toBe(20);
  });

  test("is refused too if each request shows another wrong token", async () => {
    const broker = await startBroker({ env: few });
    const wrong = (i: number) => call({ ...broker, token: String(i).padStart(32, "0") }, "list_peers", {});
    const answers = await Promise.all(Array.from({ length: 150 }, (_, i) => wrong(i)));
    expect(count(answers, 429)).toBeGreaterThan(50);
  });
});

describe("a token", () => {
  test("that was revoked is charged like a request without one", async () => {
    const broker = await startBroker({ env: { CCT_REQUESTS_PER_SECOND: "10" } });
    const laptop = await device(broker, "laptop");
    await ok(laptop, "list_peers", {});
    await ok(broker, "revoke_device", { device: laptop.device_id });
    const answers = [];
    for (let i = 0; i < 60; i++) answers.push(call(laptop, "list_peers", {}));
    const all = await Promise.all(answers);
    expect(count(all, 401)).toBeGreaterThan(0);
    const last = all.find(({ status }) => status === 429);
    expect(last && refusal(last).message).toBe("Too many requests from this address without a valid token.");
  });

  test("that lists the peers all the time is refused soon; heartbeats with another one are not", async () => {
    const broker = await startBroker({ env: { CCT_REQUESTS_PER_SECOND: "4" } });
    const ann = await newPeer(broker, "ann");
    const reader = await device(broker, "dashboard", "read");
    await health(reader, `Bearer ${reader.token}`);
    // The first one uses up five seconds.
    const { answered, end } = await untilSlowed(() => call(reader, "list_peers", {}), 100);
    expect(answered).toBeGreaterThanOrEqual(1);
    expect(answered).toBeLessThan(5);
    expect(end && refusal(end).message).toBe("Too many requests with this token.");
    expect(Number(end?.headers["retry-after"])).toBeGreaterThan(0);
    for (let i = 0; i < 10; i++) await ok(broker, "heartbeat", { host_pid: ann.place.host_pid, held: [] }, ann);
  });

  test("is charged for the length of its answers", async () => {
    const broker = await startBroker({ env: { CCT_REQUESTS_PER_SECOND: "20" } });
    await newPeer(broker, "ann");
    for (let i = 0; i < 20; i++) await ok(broker, "send_message", { to: "ann", text: `${i} ${"x".repeat(60_000)}` });
    const { answered } = await untilSlowed(() => call(broker, "messages", { limit: 20, full: true }), 50);
    expect(answered).toBeLessThanOrEqual(2);
  });

  test("that registers too many peers does not use up the registrations of others", async () => {
    const broker = await startBroker({ env: { CCT_REGISTRATIONS_PER_MINUTE: "3" } });
    const laptop = await device(broker, "laptop");
    for (let i = 0; i < 3; i++) await newPeer({ ...broker, ...laptop }, `sybil-${i}`);
    const more = (i: number) => ({ host: "elsewhere", host_pid: i, cwd: "/", name: `more-${i}`, held: [] });
    // A slow machine may have been given another one meanwhile.
    const { end } = await untilSlowed((i) => call(laptop, "register", more(i)), 100);
    expect(end && refusal(end).message).toBe("Too many registrations with this token.");
    await newPeer(broker, "ann");
  });
});

test("memory that one caller takes stays free for the others", () => {
  const budget = createMemoryBudget(32_000);
  while (budget.allows("greedy")) budget.take("greedy", 100);
  expect(budget.allows("greedy")).toBe(false);
  expect(budget.allows("modest")).toBe(true);
  budget.take("modest", 900);
  expect(budget.allows("modest")).toBe(true);
  budget.take("modest", 200);
  expect(budget.allows("modest")).toBe(false);
  budget.take("greedy", -20_000);
  expect([budget.allows("greedy"), budget.allows("modest")]).toEqual([true, true]);
});
