/** A database that cannot do its work: who is told, and until when. */
import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { call, ok, refusal, send } from "../support/api.ts";
import { type BrokerProcess, refusedStart, seenBy, spawnBroker } from "../support/broker.ts";
import { cct, failure } from "../support/cct.ts";
import { onPostgres } from "../support/database.ts";

import { fill, tempHome } from "../support/folders.ts";
import { canMount, notRun, withOwnDisk } from "../support/not-run.ts";
import { newPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";

const PAGE = 4096;

const isReady = async (broker: BrokerProcess): Promise<boolean> =>
  (await send(broker, { method: "GET", path: "/ready" })).status === 200;

const envOf = (home: string) => ({ PATH: process.env.PATH, HOME: dirname(home), CCT_HOME: home });

/** A home whose database has many pages, and whose broker has ended. */
async function usedHome(signal: NodeJS.Signals): Promise<string> {
  const broker = await spawnBroker();
  await newPeer(broker, "b");
  for (let i = 0; i < 20; i++) await ok(broker, "send_message", { to: "b", text: `${i} ${"x".repeat(50_000)}` });
  await broker.stop(signal);
  return broker.home;
}

/** Overwrites the pages of the second half, where the messages are. */
function damage(home: string): void {
  const path = join(home, "cct.db");
  const half = Math.floor(statSync(path).size / PAGE / 2) * PAGE;
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(half, 0xa5), 0, undefined, half);
  closeSync(file);
}

describe.skipIf(onPostgres)("a damaged database", () => {
  test("makes the broker not ready, even while some requests still work, and status and doctor say what to do", async () => {
    const home = await usedHome("SIGTERM");
    const broker = await spawnBroker({ home });
    expect(await isReady(broker)).toBe(true);
    damage(home);
    const answer = await call(broker, "messages", { limit: 50 });
    expect(refusal(answer)).toMatchObject({ status: 500, code: "store_failed" });
    expect(await isReady(broker)).toBe(false);
    const { reasons } = (await send(broker, { method: "GET", path: "/ready" })).json as { reasons: string[] };
    expect(reasons.join()).toMatch(/damaged.*cct restore/);
    // What is in memory still works. That proves nothing.
    await ok(broker, "list_peers", {});
    expect(await isReady(broker)).toBe(false);
    expect(failure(await cct(["status"], { env: envOf(home) }))).toMatch(/not ready.*damaged.*cct restore/);
    const checked = await cct(["doctor"], { env: envOf(home) });
    expect(checked.code).toBe(1);
    expect(checked.stdout).toMatch(/✗ broker: .*not ready.*damaged.*cct restore/);
  });

  test("is found at the start after a kill, and doctor says what to do", async () => {
    const home = await usedHome("SIGTERM");
    // Leaves a log behind, as every kill does.
    const broker = await spawnBroker({ home });
    await newPeer(broker, "c");
    await broker.stop("SIGKILL");
    damage(home);
    const refused = await refusedStart({ home });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/damaged.*cct restore/);
    const checked = await cct(["doctor"], { env: envOf(home) });
    expect(checked.stdout).toMatch(/✗ broker: .*damaged.*cct restore/);
  });
});

const FULL = "a full disk makes the broker not ready until a write works again";

test.skipIf(onPostgres || (!canMount() && notRun(FULL, "needs Linux, root and mount namespaces")))(FULL, async () => {
  const home = tempHome();
  const broker = await spawnBroker({ home, within: (command) => withOwnDisk(dirname(home), "4m", command) });
  await newPeer(broker, "b");
  const filler = seenBy(broker.pid, join(dirname(home), "filler"));
  fill(filler);
  const answer = await call(broker, "send_message", { to: "b", text: "x".repeat(60_000) });
  expect(refusal(answer).code).toBe("store_full");
  expect(await isReady(broker)).toBe(false);
  // Reading works, but proves nothing.
  await ok(broker, "list_peers", {});
  expect(await isReady(broker)).toBe(false);
  const status = await send(broker, { method: "GET", path: "/ready" });
  expect(status.json).toMatchObject({ ready: false, reasons: [expect.stringContaining("is full")] });
  rmSync(filler);
  await until("the broker to be ready", () => isReady(broker));
  expect((await call(broker, "send_message", { to: "b", text: "x".repeat(60_000) })).status).toBe(200);
});
