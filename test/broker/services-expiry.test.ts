/** Services that are not renewed become stale, and are removed later. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { ok, refused } from "../support/api.ts";
import { spawnBroker, startBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { onPostgres } from "../support/database.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { serviceById, web } from "../support/services.ts";
import { swept } from "../support/sweep.ts";
import { until } from "../support/wait.ts";

const clock = testClock();
/** With PostgreSQL, the database's clock is used, which a test cannot set. */
const onOwnClock = test.skipIf(onPostgres);
let broker: TestBroker;
let ann: TestPeer;
let ben: TestPeer;
beforeAll(async () => {
  broker = await startBroker({ clock });
  [ann, ben] = [await newPeer(broker, "ann"), await newPeer(broker, "ben")];
});

const seen = (id: string) => serviceById(broker, id);

describe("a service that is not renewed", () => {
  onOwnClock("is stale after its TTL, and healthy again when renewed; others may take its place", async () => {
    const wanted = web({ ttl_seconds: 10 });
    const [kept, lost] = [
      await ok(broker, "register_service", wanted, ann),
      await ok(broker, "register_service", web({ ttl_seconds: 10 }), ann),
    ];
    await ok(broker, "renew_service", { service_id: kept.service_id, health: "healthy" }, ann);
    clock.forward(9_000);
    expect((await seen(kept.service_id))?.health).toBe("healthy");
    clock.forward(1_500);
    for (const { service_id } of [kept, lost]) expect(await seen(service_id)).toMatchObject({ health: "stale" });
    const renew = { service_id: kept.service_id, health: "healthy" as const };
    expect(await ok(broker, "renew_service", renew, ann)).toMatchObject({ health: "healthy" });
    expect(await refused(broker, "register_service", wanted, ben)).toMatchObject({ status: 409 });
    const taken = await ok(broker, "register_service", { ...wanted, url: lost.url }, ben);
    expect(taken).toMatchObject({ owner_name: "ben", health: "unknown" });
    expect(taken.service_id).not.toBe(lost.service_id);
    expect(await seen(lost.service_id)).toBeUndefined();
    const late = { service_id: lost.service_id, health: "healthy" };
    expect(await refused(broker, "renew_service", late, ann)).toMatchObject({ status: 404 });
  });

  onOwnClock("is removed after another TTL, at least a minute", async () => {
    const made = await ok(broker, "register_service", web({ ttl_seconds: 100 }), ann);
    clock.forward(199_000);
    expect(await seen(made.service_id)).toMatchObject({ health: "stale" });
    clock.forward(1_500);
    expect(await seen(made.service_id)).toBeUndefined();
    const { service_id } = made;
    expect(await refused(broker, "renew_service", { service_id, health: "healthy" }, ann)).toMatchObject({
      status: 404,
      hint: "Register it again.",
    });
    expect(await refused(broker, "unregister_service", { service: service_id }, ann)).toMatchObject({ status: 404 });
    await ok(broker, "register_service", { ...web(), url: made.url, service_id }, ann);
  });

  onOwnClock("is listed until then even if its owner is offline; the broker does not probe it", async () => {
    const gone = await newPeer(broker, "gone");
    const { service_id } = await ok(broker, "register_service", web({ ttl_seconds: 10 }), gone);
    await ok(broker, "unregister", { host_pid: gone.place.host_pid }, gone);
    expect(await seen(service_id)).toMatchObject({ owner_name: "gone", health: "unknown" });
    clock.forward(10_500);
    expect(await seen(service_id)).toMatchObject({ owner_name: "gone", health: "stale" });
  });
});

onOwnClock("services survive a restart of the broker; removed ones are deleted from the database", async () => {
  const later = testClock();
  const first = await spawnBroker({ clock: later });
  const peer = await newPeer(first, "keeper");
  await ok(first, "register_service", web({ ttl_seconds: 10 }), peer);
  const long = await ok(first, "register_service", web({ ttl_seconds: 600 }), peer);
  await first.stop("SIGKILL");
  later.forward(10_500);
  const second = await startBroker({ home: first.home, clock: later });
  const health = async () => (await ok(second, "list_services", {})).services.map((one) => [one.name, one.health]);
  expect(await health()).toEqual([
    ["web", "stale"],
    ["web", "unknown"],
  ]);
  await ok(second, "renew_service", { service_id: long.service_id, health: "healthy" }, peer);
  later.forward(60_000);
  let running = second;
  // Only the file shows it, and only one process at a time can open it.
  const left = await until("the sweep has taken one away", async () => {
    await swept(running);
    await running.stop();
    const store = await openSqlite(join(first.home, "cct.db"));
    const rows = await store.tx((sql) => sql("SELECT service_id FROM services"));
    await store.close();
    if (rows.length < 2) return rows;
    running = await startBroker({ home: first.home, clock: later });
    return undefined;
  });
  expect(left).toEqual([{ service_id: long.service_id }]);
});
