/** Services: registering, renewing, removing; one service per place. */
import { beforeAll, describe, expect, test } from "vitest";
import { call, ok, refusal, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { allServices, serviceById, web } from "../support/services.ts";

const clock = testClock();
let broker: TestBroker;
let ann: TestPeer;
let ben: TestPeer;
beforeAll(async () => {
  broker = await startBroker({ clock });
  [ann, ben] = [await newPeer(broker, "ann"), await newPeer(broker, "ben")];
});

const all = () => allServices(broker);

const seen = (id: string) => serviceById(broker, id);

describe("a registered service", () => {
  test("is listed for all: kind, place, owner, and health unknown", async () => {
    const wanted = web({ name: "Front-1", ttl_seconds: 60, health_path: "/health" });
    const made = await ok(broker, "register_service", wanted, ann);
    expect(made).toEqual({
      service_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      kind: "web",
      name: "Front-1",
      url: wanted.url,
      host: "box",
      owner: ann.peer_id,
      owner_name: "ann",
      health: "unknown",
      health_at: null,
      registered_at: expect.any(Number),
      expires_at: made.registered_at + 60_000,
    });
    const { services } = await ok(broker, "list_services", { kind: "WEB" }, ben);
    expect(services).toContainEqual(made);
    expect((await ok(broker, "list_services", { kind: "database" }, ben)).services).toEqual([]);
  });

  test("by a person belongs to the operator; defaults are the kind as name, and an hour as TTL", async () => {
    const made = await ok(broker, "register_service", web({ kind: "Browser" }));
    expect(made).toMatchObject({ name: "Browser", owner: "operator", owner_name: "operator" });
    expect(made.expires_at - made.registered_at).toBe(3_600_000);
  });

  test("shows its owner's current name", async () => {
    const cat = await newPeer(broker, "cat");
    const { service_id } = await ok(broker, "register_service", web(), cat);
    await ok(broker, "set_summary", { summary: "", name: "tiger" }, cat);
    expect(await seen(service_id)).toMatchObject({ owner_name: "tiger", owner: cat.peer_id });
  });

  test("registered again by its owner is the same service, updated", async () => {
    const wanted = web();
    const first = await ok(broker, "register_service", wanted, ann);
    await ok(broker, "renew_service", { service_id: first.service_id, health: "healthy" }, ann);
    const changed = { ...wanted, kind: "api", name: "v2", url: wanted.url.replace("localhost", "127.0.0.1") };
    const again = await ok(broker, "register_service", { ...changed, ttl_seconds: 10 }, ann);
    const { service_id, registered_at } = first;
    expect(again).toMatchObject({ service_id, registered_at, kind: "api", name: "v2", url: changed.url });
    // The earlier health may belong to another program.
    expect(again).toMatchObject({ health: "unknown", health_at: null });
    expect((await all()).filter((service) => service.service_id === service_id)).toEqual([again]);
  });

  test("is renewed by its owner with the probed health", async () => {
    const { service_id } = await ok(broker, "register_service", web({ ttl_seconds: 60 }), ann);
    for (const health of ["healthy", "unhealthy"] as const) {
      clock.forward(5_000);
      const renewed = await ok(broker, "renew_service", { service_id, health }, ann);
      expect(renewed).toMatchObject({ health, expires_at: (renewed.health_at ?? 0) + 60_000 });
      expect(await seen(service_id)).toEqual(renewed);
    }
    expect(await refused(broker, "renew_service", { service_id, health: "healthy" }, ben)).toMatchObject({
      status: 403,
      message: expect.stringContaining("ann"),
    });
    expect(await seen(service_id)).toMatchObject({ health: "unhealthy" });
  });

  test("can be removed only by its owner or the operator, by name, URL or id", async () => {
    const names = ["by-name", "by-url", "by-id", "by-prefix", "by-operator"];
    const made = await Promise.all(
      names.map((name) => ok(broker, "register_service", web({ name, ttl_seconds: 60 }), ann)),
    );
    const refs = made.map(({ name, url, service_id }) =>
      name === "by-url" ? url : name === "by-id" ? service_id : name === "by-prefix" ? service_id.slice(0, 8) : name,
    );
    for (const service of refs) {
      expect(await refused(broker, "unregister_service", { service }, ben)).toMatchObject({ status: 403 });
    }
    for (const [i, service] of refs.entries()) {
      const gone = await ok(broker, "unregister_service", { service }, i === 4 ? undefined : ann);
      expect(gone).toEqual(made[i]);
    }
    expect((await all()).filter(({ name }) => names.includes(name))).toEqual([]);
    expect(await refused(broker, "unregister_service", { service: "by-name" }, ann)).toMatchObject({ status: 404 });
  });

  test("with an ambiguous name is the caller's own, or the candidates are listed", async () => {
    const [mine, other] = [
      await ok(broker, "register_service", web({ name: "twin" }), ann),
      await ok(broker, "register_service", web({ name: "twin" }), ben),
    ];
    const unsure = await refused(broker, "unregister_service", { service: "twin" });
    expect(unsure).toMatchObject({ status: 409, code: "ambiguous", hint: "Use the id." });
    for (const { service_id } of [mine, other]) expect(unsure.message).toContain(service_id.slice(0, 8));
    expect(await ok(broker, "unregister_service", { service: "twin" }, ben)).toEqual(other);
    expect(await seen(mine.service_id)).toEqual(mine);
  });
});

describe("a second service at the same host and port", () => {
  test("is refused with the owner and what to do", async () => {
    const wanted = web({ name: "first" });
    const first = await ok(broker, "register_service", wanted, ann);
    const { port } = new URL(wanted.url);
    const ways = [wanted.url, `https://127.0.0.1:${port}/x`, `tcp://[::1]:${port}`, `ws://box:${port}`];
    for (const url of ways) {
      for (const as of [ben, undefined]) {
        const error = await refused(broker, "register_service", { ...wanted, url, name: "second" }, as);
        expect(error).toMatchObject({ status: 409, code: "conflict" });
        expect(error.message).toMatch(new RegExp(`box:${port} .*'first' .*ann`));
        expect(error.hint).toMatch(/another port.*ask ann/);
      }
    }
    expect(await seen(first.service_id)).toEqual(first);
    expect((await all()).filter(({ name }) => name === "second")).toEqual([]);
  });

  test("on another machine is accepted", async () => {
    const wanted = web();
    await ok(broker, "register_service", wanted, ann);
    await ok(broker, "register_service", { ...wanted, host: "other-box" }, ben);
  });

  test("of the same owner is refused to another running command", async () => {
    const [one, two] = ["1".repeat(32), "2".repeat(32)];
    const wanted = web({ name: "run" });
    const first = await ok(broker, "register_service", { ...wanted, service_id: one }, ann);
    expect(first.service_id).toBe(one);
    const error = await refused(broker, "register_service", { ...wanted, service_id: two }, ann);
    expect(error).toMatchObject({ code: "conflict", message: expect.stringMatching(/'run' .* yours too/) });
    expect(await ok(broker, "register_service", { ...wanted, service_id: one }, ann)).toMatchObject({
      service_id: one,
    });
    // An id cannot be at two places or change its owner.
    for (const as of [ann, ben, undefined]) {
      expect(await refused(broker, "register_service", web({ service_id: one }), as)).toMatchObject({ status: 409 });
    }
    expect(await seen(one)).toMatchObject({ url: wanted.url, owner_name: "ann" });
  });

  test("registered by twenty at once is given to exactly one, and the others are told who", async () => {
    const peers = await Promise.all(Array.from({ length: 20 }, (_, i) => newPeer(broker, `racer-${i}`)));
    const wanted = web();
    const answers = await Promise.all(peers.map((peer) => call(broker, "register_service", wanted, peer)));
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    const [winner] = (await all()).filter(({ url }) => url === wanted.url);
    expect(won[0]?.json).toEqual(winner);
    const lost = answers.filter(({ status }) => status !== 200).map(refusal);
    expect(lost).toHaveLength(19);
    for (const { status, message } of lost) {
      expect(status).toBe(409);
      expect(message).toContain(`of ${winner?.owner_name}.`);
    }
  });
});
