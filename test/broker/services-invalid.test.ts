/** Invalid registrations of services. */
import { beforeAll, describe, expect, test } from "vitest";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { allServices, web } from "../support/services.ts";

let broker: TestBroker;
let ann: TestPeer;
beforeAll(async () => {
  broker = await startBroker();
  ann = await newPeer(broker, "ann");
});

const all = () => allServices(broker);

describe("an invalid registration:", () => {
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

  test.each(bad)("%s is refused with what to do, and changes nothing", async (_, wrong) => {
    const before = await all();
    for (const as of [ann, undefined]) {
      const input = { kind: "web", url: "http://localhost:1999", host: "box", ...wrong };
      const error = await refused(broker, "register_service", input, as);
      expect(error).toMatchObject({ status: 400, code: "bad_request" });
      expect(`${error.message} ${error.hint}`).not.toContain("hunter2");
    }
    expect(await all()).toEqual(before);
  });

  test("unknown services and invalid input are refused by every other operation", async () => {
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

  test("services_to_renew is for peers, and lists what their session renews", async () => {
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
