/** Time that passes for a broker, and the sweep in which it acts on that. */
import { setTimeout as sleep } from "node:timers/promises";
import type { BrokerStatus } from "../../src/operations/surface/broker-status.ts";
import { send } from "./api.ts";
import type { TestBroker } from "./broker.ts";
import type { TestClock } from "./clock.ts";
import { onPostgres } from "./database.ts";
import { until } from "./wait.ts";

async function sweptAt(broker: TestBroker): Promise<BrokerStatus["swept_at"]> {
  const { json } = await send(broker, { method: "GET", path: "/status" });
  return (json as BrokerStatus).swept_at;
}

/** Waits until the broker has swept once more, from beginning to end. */
export async function swept(broker: TestBroker): Promise<void> {
  // The next one to end may have begun before.
  for (let i = 0; i < 2; i++) {
    const before = await sweptAt(broker);
    await until("the broker to sweep", async () => (await sweptAt(broker)) !== before);
  }
}

/** Lets time pass for a broker that was started with `clock`, at once, except where the time is the database's. */
export async function elapse(broker: TestBroker, clock: TestClock, ms: number): Promise<void> {
  if (onPostgres) await sleep(ms);
  else clock.forward(ms);
  await swept(broker);
}
