/** What `cct watch` does between the person and the broker, while answers are late or do not come. */
import { randomBytes } from "node:crypto";
import { expect, test, vi } from "vitest";
import { type Client, createClient } from "../../src/client/client.ts";
import type { OperationName } from "../../src/operations/index.ts";
import { CctError } from "../../src/platform/errors.ts";
import { readOverview } from "../../src/watch/asking.ts";
import { createLive, type Live } from "../../src/watch/live.ts";
import type { State } from "../../src/watch/state.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { newPeer } from "../support/peers.ts";
import { testWorld } from "../support/world.ts";
import { keyOf } from "./keys.ts";

interface Watching {
  broker: TestBroker;
  live: Live;
  /** Lets so many milliseconds pass. */
  pass(ms: number): void;
  press(...keys: string[]): void;
  /** What was called so far. */
  called: OperationName[];
  /** The next call of this operation fails. */
  fail(name: OperationName): void;
  /** The first fault of the program. */
  faults: Promise<unknown>;
  /** The first change after which this holds cannot be painted. */
  breakDown(is: (state: State) => boolean, error: Error): void;
  /** Waits by what happens, whatever the clock does. */
  becomes(is: (state: State) => boolean): Promise<void>;
}

async function watching(
  prepare: (broker: TestBroker) => Promise<unknown>,
  { hasFeed = true }: { hasFeed?: boolean } = {},
): Promise<Watching> {
  const broker = await startBroker();
  await prepare(broker);
  // No time passes, unless a test says so.
  let at = Date.now();
  const world = testWorld({}, { now: () => at });
  const newId = (): string => randomBytes(16).toString("hex");
  const real = createClient(() => ({ urls: [broker.url], token: broker.token }), { random: () => 0, newId });
  atEnd(() => real.close());
  const called: OperationName[] = [];
  const failing: OperationName[] = [];
  let failed = (_: unknown): void => {};
  const faults = new Promise<unknown>((resolve) => {
    failed = resolve;
  });
  /** Whether this call fails. */
  const fails = (name: OperationName): boolean => {
    called.push(name);
    const at = failing.indexOf(name);
    if (at >= 0) failing.splice(at, 1);
    return at >= 0;
  };
  const fault = (): Promise<never> => Promise.reject(new CctError("store_failed", "The disk failed.", ""));
  const call: Client["call"] = (name, input, as) => (fails(name) ? fault() : real.call(name, input, as));
  const callAny: Client["callAny"] = (name, input, as) => (fails(name) ? fault() : real.callAny(name, input, as));
  let changed = (): void => {};
  const live = createLive(
    {
      world,
      client: { ...real, call, callAny, openFeed: hasFeed ? real.openFeed : () => new Promise(() => {}) },
      size: { columns: 80, rows: 24 },
      broker: "ada@studio",
      overview: await readOverview(real),
      attention: await real.call("attention", {}),
    },
    {
      changed: () => changed(),
      leave: () => {},
      failed,
    },
  );
  atEnd(() => live.close());
  const becomes = (is: (state: State) => boolean): Promise<void> =>
    new Promise((resolve) => {
      changed = () => {
        if (is(live.state())) resolve();
      };
      changed();
    });
  const breakDown: Watching["breakDown"] = (is, error) => {
    let isBroken = false;
    changed = () => {
      if (isBroken || !is(live.state())) return;
      isBroken = true;
      throw error;
    };
  };
  const press = (...keys: string[]): void => {
    for (const key of keys) live.key(keyOf(key));
  };
  const pass = (ms: number): void => {
    at += ms;
  };
  return { broker, live, pass, press, called, fail: (name) => void failing.push(name), faults, breakDown, becomes };
}

const asked = async (broker: TestBroker): Promise<void> => {
  const web = await newPeer(broker, "web");
  await ok(broker, "send_message", { to: "operator", text: "May I?" }, web);
};

test("a text that is not sent after one has looked elsewhere is kept, and it is said at once", async () => {
  const { live, press, fail, becomes } = await watching(asked);
  fail("send_message");
  press("G", "c", ..."hello", "return", "escape");
  await becomes(({ toast }) => toast?.tone === "failed");
  expect(live.state().toast?.text).toBe("Not sent to web. The disk failed.");
  expect([...live.state().drafts.values()]).toMatchObject([{ text: { text: "hello" }, problem: "The disk failed." }]);
});

test("an action can be taken back for six seconds, also when something else has failed meanwhile", async () => {
  const { live, press, called, fail, becomes } = await watching(asked);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  atEnd(() => vi.useRealTimers());
  press("e");
  await becomes(({ toast }) => toast?.text === "Dismissed");
  fail("mute_peer");
  press("G", "m");
  await becomes(({ toast }) => toast?.text === "The disk failed.");
  expect(live.state().canUndo).toBe(true);
  vi.advanceTimersByTime(6_000);
  expect(live.state()).toMatchObject({ canUndo: false, toast: { text: "The disk failed." } });
  press("u");
  expect(called.filter((name) => name === "dismiss_need")).toHaveLength(1);
});

test("the need in the place of one that was settled takes no action at once", async () => {
  const { live, press, called, becomes } = await watching(async (broker) => {
    await asked(broker);
    const ios = await newPeer(broker, "ios");
    await ok(broker, "send_message", { to: "operator", text: "And I?" }, ios);
  });
  expect(live.state().needs).toHaveLength(2);
  press("e", "e");
  await becomes(({ toast }) => toast?.text === "Dismissed");
  press("e");
  expect(called.filter((name) => name === "dismiss_need")).toHaveLength(1);
  expect(live.state().toast?.text).toMatch(/^The list has changed/);
});

test("what could not be read is read again, though nothing else changes", async () => {
  const { live, press, called, fail, becomes } = await watching(asked, { hasFeed: false });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  atEnd(() => vi.useRealTimers());
  const times = (name: OperationName): number => called.filter((one) => one === name).length;
  fail("attention");
  press("e");
  await becomes(({ toast }) => toast?.text === "Dismissed");
  await new Promise(setImmediate);
  expect(times("attention")).toBe(1);
  vi.advanceTimersByTime(2_000);
  expect(times("attention")).toBe(2);
  fail("messages");
  press("G", "t");
  await becomes(({ talk }) => talk?.problem === "The disk failed.");
  vi.advanceTimersByTime(2_000);
  await becomes(({ talk }) => talk?.list.length === 1);
  expect(live.state().talk?.problem).toBe("");
});

test("a fault of the program while it takes the feed ends it, and is not a lost connection", async () => {
  const { broker, live, faults, called, becomes, breakDown } = await watching(async () => {});
  await becomes(() => called.includes("conversations"));
  const fault = new Error("a fault");
  breakDown(({ peers }) => peers.size > 0, fault);
  await asked(broker);
  expect(await faults).toBe(fault);
  expect(live.state().link).toBe("live");
});

test("why the desktop shows nothing is said once", async () => {
  const { live, press } = await watching(async () => {});
  live.notNotified("notify-send failed");
  expect(live.state().toast).toEqual({
    text: "The desktop shows no notifications: notify-send failed.",
    tone: "failed",
  });
  press("j");
  live.notNotified("notify-send failed");
  expect(live.state().toast).toBeUndefined();
});

test("ages grow also when nothing happens", async () => {
  const { live, pass } = await watching(asked);
  const before = live.state().now;
  pass(60_000);
  live.aged();
  expect(live.state().now).toBe(before + 60_000);
});
