import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { call, ok, refusal, refused } from "../support/api.ts";
import { spawnBroker, startBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { onPostgres } from "../support/database.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";

const clock = testClock();
/** On a shared database its clock counts, which nobody here sets. */
const onOwnClock = test.skipIf(onPostgres);
let broker: TestBroker;
let ann: TestPeer;
let ben: TestPeer;
beforeAll(async () => {
  broker = await startBroker({ clock });
  [ann, ben] = [await newPeer(broker, "ann"), await newPeer(broker, "ben")];
});

let lastPort = 2000;
/** A registration at a place that no other test uses. */
function web(more: object = {}) {
  lastPort += 1;
  return { kind: "web", url: `http://localhost:${lastPort}`, host: "box", ...more };
}

const all = async () => (await ok(broker, "list_services", {})).services;

async function seen(serviceId: string) {
  return (await all()).find((service) => service.service_id === serviceId);
}

describe("a service that is registered", () => {
  test("is seen by everybody: what it is, where, whose, and that nobody has looked at it yet", async () => {
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

  test("by a person is the operator's; without a name it is called after its kind, and it lives an hour", async () => {
    const made = await ok(broker, "register_service", web({ kind: "Browser" }));
    expect(made).toMatchObject({ name: "Browser", owner: "operator", owner_name: "operator" });
    expect(made.expires_at - made.registered_at).toBe(3_600_000);
  });

  test("names its owner as that is called now", async () => {
    const cat = await newPeer(broker, "cat");
    const { service_id } = await ok(broker, "register_service", web(), cat);
    await ok(broker, "set_summary", { summary: "", name: "tiger" }, cat);
    expect(await seen(service_id)).toMatchObject({ owner_name: "tiger", owner: cat.peer_id });
  });

  test("again by its owner is the same one, as it was said last", async () => {
    const wanted = web();
    const first = await ok(broker, "register_service", wanted, ann);
    await ok(broker, "renew_service", { service_id: first.service_id, health: "healthy" }, ann);
    const changed = { ...wanted, kind: "api", name: "v2", url: wanted.url.replace("localhost", "127.0.0.1") };
    const again = await ok(broker, "register_service", { ...changed, ttl_seconds: 10 }, ann);
    const { service_id, registered_at } = first;
    expect(again).toMatchObject({ service_id, registered_at, kind: "api", name: "v2", url: changed.url });
    // Whatever was probed before may have been something else.
    expect(again).toMatchObject({ health: "unknown", health_at: null });
    expect((await all()).filter((service) => service.service_id === service_id)).toEqual([again]);
  });

  test("is renewed with what was found, by its owner", async () => {
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

  test("is taken off by its owner or the operator, by name, url or id, and by nobody else", async () => {
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

  test("of several with one name is the caller's own, else it is asked which", async () => {
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
  test("is refused, with the owner and what to do", async () => {
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

  test("on another machine is another place", async () => {
    const wanted = web();
    await ok(broker, "register_service", wanted, ann);
    await ok(broker, "register_service", { ...wanted, host: "other-box" }, ben);
  });

  test("of the same owner is refused to a running command, which updates only its own", async () => {
    const [one, two] = ["1".repeat(32), "2".repeat(32)];
    const wanted = web({ name: "run" });
    const first = await ok(broker, "register_service", { ...wanted, service_id: one }, ann);
    expect(first.service_id).toBe(one);
    const error = await refused(broker, "register_service", { ...wanted, service_id: two }, ann);
    expect(error).toMatchObject({ code: "conflict", message: expect.stringMatching(/'run' .* yours too/) });
    expect(await ok(broker, "register_service", { ...wanted, service_id: one }, ann)).toMatchObject({
      service_id: one,
    });
    // Nor can one id be at two places, or be taken by another owner.
    for (const as of [ann, ben, undefined]) {
      expect(await refused(broker, "register_service", web({ service_id: one }), as)).toMatchObject({ status: 409 });
    }
    expect(await seen(one)).toMatchObject({ url: wanted.url, owner_name: "ann" });
  });

  test("when twenty ask for it at once, exactly one gets it, and the others are told who", async () => {
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

describe("a service that nobody renews", () => {
  onOwnClock("is shown stale after its TTL, gives its place to others, and is back when it is renewed", async () => {
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

  onOwnClock("is removed when it has been stale for another TTL, a minute at least", async () => {
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

  onOwnClock("whose owner has gone is still seen until then, and the broker looks at none by itself", async () => {
    const gone = await newPeer(broker, "gone");
    const { service_id } = await ok(broker, "register_service", web({ ttl_seconds: 10 }), gone);
    await ok(broker, "unregister", { claude_pid: gone.place.claude_pid }, gone);
    expect(await seen(service_id)).toMatchObject({ owner_name: "gone", health: "unknown" });
    clock.forward(10_500);
    expect(await seen(service_id)).toMatchObject({ owner_name: "gone", health: "stale" });
  });
});

onOwnClock("services outlive the broker, and those that are gone leave the database as well", async () => {
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
  // Only the file tells, which one process at a time may open; and the sweep takes its time.
  const left = await until("the sweep has taken one away", async () => {
    await new Promise((resolve) => setTimeout(resolve, 2_200));
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

describe("what cannot be registered", () => {
  const bad: [string, object][] = [
    ["no kind", { kind: undefined }],
    ["an empty kind", { kind: "" }],
    ["a kind of two words", { kind: "two words" }],
    ["a kind that is too long", { kind: "x".repeat(33) }],
    ["a kind with a control character", { kind: "we\u001bb" }],
    ["a kind with something invisible", { kind: "we\u200bb" }],
    ["an empty name", { name: "" }],
    ["a name that climbs", { name: "../x" }],
    ["a name that is too long", { name: "x".repeat(41) }],
    ["a name with a newline", { name: "a\nb" }],
    ["no url", { url: undefined }],
    ["no url at all", { url: "somewhere" }],
    ["a url without a port", { url: "tcp://localhost" }],
    ["a url with a password", { url: "http://ann:hunter2@localhost:1999" }],
    ["a url with hidden characters", { url: "http://localhost:1999/\u202egnp" }],
    ["a url with a newline", { url: "http://localhost:1999/\r\nx: y" }],
    ["a script", { url: "javascript://localhost:1999/%0aalert(1)" }],
    ["a file", { url: "file:///etc/passwd" }],
    ["a url that is too long", { url: `http://localhost:1999/${"x".repeat(2048)}` }],
    ["no machine", { host: undefined }],
    ["an empty machine", { host: "" }],
    ["a machine with a control character", { host: "bo\0x" }],
    ["a machine that is too long", { host: "x".repeat(256) }],
    ["no time to live", { ttl_seconds: 0 }],
    ["a negative time to live", { ttl_seconds: -60 }],
    ["too short a time to live", { ttl_seconds: 9 }],
    ["too long a time to live", { ttl_seconds: 86_401 }],
    ["a broken time to live", { ttl_seconds: 10.5 }],
    ["a time to live in words", { ttl_seconds: "60" }],
    ["a health path on another host", { health_path: "//evil.example/" }],
    ["a health url", { health_path: "http://evil.example/" }],
    ["a health path with a header", { health_path: "/x HTTP/1.1\r\nx: y" }],
    ["an empty health path", { health_path: "" }],
    ["a health path of a database", { url: "tcp://localhost:1999", health_path: "/health" }],
    ["an id that is none", { service_id: "mine" }],
    ["an owner", { owner: "ben" }],
    ["a health", { health: "healthy" }],
  ];

  test.each(bad)("%s: it is said what and what next, and nothing changes", async (_, wrong) => {
    const before = await all();
    for (const as of [ann, undefined]) {
      const input = { kind: "web", url: "http://localhost:1999", host: "box", ...wrong };
      const error = await refused(broker, "register_service", input, as);
      expect(error).toMatchObject({ status: 400, code: "bad_request" });
      expect(`${error.message} ${error.hint}`).not.toContain("hunter2");
    }
    expect(await all()).toEqual(before);
  });

  test("nor can what is not there be renewed, or anything else be said of it", async () => {
    const { service_id } = await ok(broker, "register_service", web(), ann);
    const before = await all();
    const wrong: [string, object, number][] = [
      ["renew_service", { service_id: "0".repeat(32), health: "healthy" }, 404],
      ["renew_service", { service_id: "", health: "healthy" }, 400],
      ["renew_service", { service_id, health: "stale" }, 400],
      ["renew_service", { service_id, health: "unknown" }, 400],
      ["renew_service", { service_id }, 400],
      ["renew_service", { service_id, health: "healthy", ttl_seconds: 20 }, 400],
      ["unregister_service", {}, 400],
      ["unregister_service", { service: "" }, 400],
      ["unregister_service", { service: "no-such-service" }, 404],
      ["unregister_service", { service: "\ud800" }, 404],
      ["unregister_service", { service: "x".repeat(2049) }, 400],
      ["list_services", { kind: "" }, 400],
      ["list_services", { kind: "x".repeat(33) }, 400],
      ["list_services", { all: true }, 400],
    ];
    for (const [operation, input, status] of wrong) {
      expect(await refused(broker, operation, input, ann)).toMatchObject({ status });
    }
    expect(await all()).toEqual(before);
  });

  test("and nobody but a peer has services that a session keeps", async () => {
    expect(await refused(broker, "services_to_renew", {})).toMatchObject({ status: 403 });
    const keeper = await newPeer(broker, "own");
    const wanted = web({ health_path: "/up", ttl_seconds: 30 });
    const { service_id } = await ok(broker, "register_service", wanted, keeper);
    await ok(broker, "register_service", web({ service_id: "3".repeat(32) }), keeper);
    const { url, health_path, host, ttl_seconds } = wanted as ReturnType<typeof web> & Record<string, unknown>;
    expect(await ok(broker, "services_to_renew", {}, keeper)).toEqual({
      services: [{ service_id, url, health_path, host, ttl_seconds }],
    });
  });
});
