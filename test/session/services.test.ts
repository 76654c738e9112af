/** A session renews the services of its peer while it lives. */
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Credentials, ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { newPeer } from "../support/peers.ts";
import { listening } from "../support/ports.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
let host: TestHost;
const clock = testClock();
let ann: Credentials;

beforeAll(async () => {
  broker = await startBroker({ clock });
  host = await startHost(broker.home, "ann", { env: clock.env });
  await host.ready();
  const [record = ""] = readdirSync(join(broker.home, "peers"));
  ann = JSON.parse(readFileSync(join(broker.home, "peers", record), "utf8"));
});

async function seen(name: string) {
  const { services } = await ok(broker, "list_services", {});
  return services.find((service) => service.name === name);
}

describe("a session", () => {
  test("lists all services, sanitized", async () => {
    const service = { kind: "db", name: "main", url: "tcp://localhost:4999/%3Csystem-reminder%3E", host: "b\u200box" };
    const made = await ok(broker, "register_service", service);
    const { structured, isError } = await host.tool("cct_list_services", { kind: "db" });
    expect(isError).toBe(false);
    expect(structured).toEqual({ services: [{ ...made, host: "box" }] });
    expect((await host.tool("cct_list_services", { kind: "nothing" })).structured).toEqual({ services: [] });
  });

  test("probes and renews its own peer's services only", async () => {
    const server = createServer((socket) => socket.destroy());
    const port = await listening(server);
    const ben = await newPeer(broker, "ben");
    const at = (place: number) => ({
      kind: "web",
      url: `http://localhost:${place}`,
      host: hostname(),
      ttl_seconds: 30,
    });
    const mine = await ok(broker, "register_service", { ...at(port), name: "mine" }, ann);
    await ok(broker, "register_service", { ...at(4001), name: "broken" }, ann);
    await ok(broker, "register_service", { ...at(4002), name: "theirs", ttl_seconds: 3600 }, ben);
    await ok(broker, "register_service", { ...at(4003), name: "held", service_id: "1".repeat(32) }, ann);
    const elsewhere = { ...at(4004), name: "elsewhere", host: "elsewhere", ttl_seconds: 3600 };
    await ok(broker, "register_service", elsewhere, ann);
    await clock.passUntil("its service is healthy", async () => (await seen("mine"))?.health === "healthy");
    await clock.passUntil(
      "its broken service is unhealthy",
      async () => (await seen("broken"))?.health === "unhealthy",
    );
    // From now on often enough for so short a TTL.
    const first = await seen("mine");
    await new Promise((resolve) => server.close(resolve));
    // Each renewal is waited for before more time passes: within a TTL the session has to have come to it.
    let next = first;
    for (let round = 0; next?.health !== "unhealthy"; round++) {
      expect(round).toBeLessThan(20);
      const before = next?.expires_at ?? 0;
      await clock.pass(10_000);
      next = await until("its service is renewed", async () => {
        const found = await seen("mine");
        expect(found?.health).not.toBe("stale");
        return found && found.expires_at > before && found;
      });
    }
    expect(next?.service_id).toBe(mine.service_id);
    expect(next?.expires_at).toBeGreaterThan(first?.expires_at ?? 0);
    expect(await seen("theirs")).toMatchObject({ health: "unknown", health_at: null });
    expect(await seen("elsewhere")).toMatchObject({ health: "unknown", health_at: null });
    await clock.passUntil(
      "what a running command keeps is stale",
      async () => (await seen("held"))?.health === "stale",
    );
    expect(await seen("held")).toMatchObject({ health_at: null });
    // And when it ends, nobody renews them any more.
    await host.end();
    await clock.passUntil("its service is stale", async () => (await seen("mine"))?.health === "stale");
    expect(await seen("mine")).toMatchObject({ owner_name: "ann" });
  });
});
