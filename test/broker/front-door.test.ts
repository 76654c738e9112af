import { connect } from "node:net";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { operations } from "../../src/operations/index.ts";
import { type Call, call, ok, refusal, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { hostileText } from "../support/hostile.ts";
import { allTexts, newPeer, place, type TestPeer } from "../support/peers.ts";
import { times } from "../support/soak.ts";

let broker: TestBroker;
let alice: TestPeer;
beforeAll(async () => {
  broker = await startBroker();
  alice = await newPeer(broker, "alice");
  await newPeer(broker, "bob");
});

const letter = JSON.stringify({ to: "bob", text: "never stored" });
const sending: Call = { path: "/api/send_message", body: letter };

describe("an invalid request is refused with what is wrong and what to do next, and stores nothing", () => {
  const wrong: [string, () => Call, number][] = [
    ["no token", () => ({ ...sending, headers: { authorization: undefined } }), 401],
    ["a wrong token", () => ({ ...sending, headers: { authorization: `Bearer ${"0".repeat(32)}` } }), 401],
    ["an empty token", () => ({ ...sending, headers: { authorization: "Bearer " } }), 401],
    [
      "a prefix of the token",
      () => ({ ...sending, headers: { authorization: `Bearer ${broker.token.slice(0, -1)}` } }),
      401,
    ],
    ["the token without its scheme", () => ({ ...sending, headers: { authorization: broker.token } }), 401],
    [
      "the token in the URL",
      () => ({ ...sending, path: `/api/send_message?token=${broker.token}`, headers: { authorization: undefined } }),
      401,
    ],
    ["a wrong secret", () => ({ ...sending, as: { ...alice, secret: "0".repeat(32) } }), 401],
    ["a peer without its secret", () => ({ ...sending, headers: { "x-cct-peer": alice.peer_id } }), 400],
    ["a secret without its peer", () => ({ ...sending, headers: { "x-cct-secret": alice.secret } }), 400],
    ["an unknown peer", () => ({ ...sending, as: { peer_id: "0".repeat(32), secret: alice.secret } }), 401],
    ["a web page's Origin", () => ({ ...sending, headers: { origin: "https://evil.example" } }), 403],
    ["an Origin of this machine", () => ({ ...sending, headers: { origin: broker.url } }), 403],
    ["an Origin of null", () => ({ ...sending, headers: { origin: "null" } }), 403],
    ["a foreign Host", () => ({ ...sending, headers: { host: "evil.example" } }), 403],
    [
      "a Host that looks like a loopback address",
      () => ({ ...sending, headers: { host: "127.0.0.2.evil.example" } }),
      403,
    ],
    ["a Host that looks like ours", () => ({ ...sending, headers: { host: "127.0.0.1.evil.example:7888" } }), 403],
    ["another Host of this machine", () => ({ ...sending, headers: { host: "0.0.0.0" } }), 403],
    ["a form's content type", () => ({ ...sending, headers: { "content-type": "text/plain" } }), 400],
    ["no content type", () => ({ ...sending, headers: { "content-type": undefined } }), 400],
    ["malformed JSON", () => ({ ...sending, body: letter.slice(0, -1) }), 400],
    ["two JSON texts", () => ({ ...sending, body: letter + letter }), 400],
    ["a body that is not UTF-8", () => ({ ...sending, body: Buffer.from([0x22, 0xff, 0x22]) }), 400],
    ["a body in UTF-16", () => ({ ...sending, body: Buffer.from(letter, "utf16le") }), 400],
    ["an oversized body", () => ({ ...sending, body: JSON.stringify({ to: "bob", text: "x".repeat(600_000) }) }), 413],
    [
      "a deeply nested body",
      () => ({ ...sending, body: `{"to":${"[".repeat(100_000)}${"]".repeat(100_000)},"text":"x"}` }),
      400,
    ],
    ["an empty body", () => ({ ...sending, body: "" }), 400],
    ["GET", () => ({ method: "GET", path: "/api/send_message" }), 405],
    ["PUT", () => ({ ...sending, method: "PUT" }), 405],
    ["an operation that is none", () => ({ ...sending, path: "/api/drop_everything" }), 404],
    ["an operation named like a part of JavaScript", () => ({ ...sending, path: "/api/constructor" }), 404],
    ["a path below an operation", () => ({ ...sending, path: "/api/send_message/x" }), 404],
    ["a path elsewhere", () => ({ method: "GET", path: "/etc/passwd" }), 404],
    ["a path that climbs", () => ({ method: "GET", path: "/api/../../token" }), 404],
    ["the stream with a wrong secret", () => ({ method: "GET", path: "/events", as: { ...alice, secret: "x" } }), 401],
  ];

  test.each(wrong)("%s", async (_, request, status) => {
    const before = await allTexts(broker);
    expect(refusal(await send(broker, request()))).toMatchObject({ status });
    expect(await allTexts(broker)).toEqual(before);
  });

  test("data that is not HTTP", async () => {
    const { hostname, port } = new URL(broker.url);
    for (const noise of [
      "hello\r\n\r\n",
      "\0\x01\x02\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      `GET /${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`,
    ]) {
      const answer = await new Promise<string>((resolve) => {
        let text = "";
        const socket = connect(Number(port), hostname, () => socket.write(noise));
        socket.on("data", (data) => {
          text += data.toString("latin1");
        });
        socket.on("error", () => {});
        socket.on("close", () => resolve(text));
      });
      expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
    }
    expect((await ok(broker, "list_peers", {})).peers).not.toEqual([]);
  });

  test("a body whose sender closes the connection", async () => {
    const { hostname, port } = new URL(broker.url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        const head = `POST /api/send_message HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${broker.token}`;
        socket.write(`${head}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n${letter}`, () =>
          socket.destroy(),
        );
      });
      socket.on("close", () => resolve());
    });
    expect(await allTexts(broker)).not.toContain("never stored");
  });
});

describe("a wrong method", () => {
  const GETS = ["/status", "/metrics", "/events", "/feed", "/openapi.json"];
  const wrong = [
    ...["GET", "PUT", "PATCH", "DELETE", "OPTIONS"].map((method) => [method, "/api/list_peers", "POST"] as const),
    ...GETS.flatMap((path) => ["POST", "DELETE"].map((method) => [method, path, "GET"] as const)),
    ...["/health", "/ready", "/prove"].map((path) => ["POST", path, "GET, HEAD"] as const),
  ];

  test.each(wrong)("%s %s is answered with 405, and with the method that is allowed", async (method, path, allow) => {
    const answer = await send(broker, { method, path });
    expect(refusal(answer)).toMatchObject({ status: 405, code: "method_not_allowed" });
    expect(answer.headers.allow).toBe(allow);
  });

  test.each(["GET", "POST", "PUT"])("%s on an unknown path stays 404", async (method) => {
    for (const path of ["/", "/api/", "/api/nothing", "/healthy", "/events/x"]) {
      const answer = await send(broker, { method, path });
      expect([path, refusal(answer).code, answer.headers.allow]).toEqual([path, "not_found", undefined]);
    }
  });

  test("reveals nothing about paths that need a token", async () => {
    for (const path of ["/api/list_peers", "/api/nothing", "/events", "/status", "/openapi.json"]) {
      const answer = await send(broker, { method: "PATCH", path, headers: { authorization: undefined } });
      expect([path, refusal(answer).status]).toEqual([path, 401]);
    }
  });
});

describe("a valid request", () => {
  test.each(["127.0.0.1:1", "localhost", "LOCALHOST:7888", "[::1]:7888"])(
    "may name this machine as %s",
    async (host) => {
      const answer = await send(broker, { path: "/api/list_peers", body: "{}", headers: { host } });
      expect(answer.status).toBe(200);
    },
  );

  test("can name its charset, and can omit the body if no input is required", async () => {
    const headers = { "content-type": "application/json; charset=utf-8" };
    expect((await send(broker, { path: "/api/list_peers", body: "{}", headers })).status).toBe(200);
    expect((await send(broker, { path: "/api/list_peers", body: "", headers })).status).toBe(200);
  });

  test("is answered after a refused one on the same connection", async () => {
    const { port, hostname } = new URL(broker.url);
    const head = (length: number) =>
      `POST /api/list_peers HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${broker.token}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n`;
    const answers = await new Promise<string>((resolve) => {
      let text = "";
      const socket = connect(Number(port), hostname, () =>
        socket.write(`${head(5)}\r\n{"x":${head(2)}connection: close\r\n\r\n{}`),
      );
      socket.on("data", (data) => {
        text += data.toString("utf8");
      });
      socket.on("close", () => resolve(text));
    });
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400", "HTTP/1.1 200"]);
  });
});

describe("/health", () => {
  const health = (headers: Call["headers"]) =>
    send(broker, { method: "GET", path: "/health", ...(headers ? { headers } : {}) });

  test("tells any client on this machine that the broker runs, and nothing else", async () => {
    const answer = await health({ authorization: undefined });
    expect([answer.status, answer.json]).toEqual([200, { ok: true }]);
    expect((await health({ authorization: "Bearer wrong" })).json).toEqual({ ok: true });
  });

  test("tells holders of the token which broker it is", async () => {
    const answer = await health(undefined);
    expect(answer.json).toMatchObject({ ok: true, pid: broker.pid, home: broker.home, version: expect.any(String) });
    expect(answer.text).not.toContain(broker.token);
  });

  test("refuses web pages", async () => {
    expect(refusal(await health({ origin: "https://evil.example" })).status).toBe(403);
    expect(refusal(await health({ host: "rebound.example" })).status).toBe(403);
  });
});

describe("any input to an operation", () => {
  /** Valid, almost valid and invalid values for any field. */
  const value: fc.Arbitrary<unknown> = fc.oneof(
    hostileText,
    fc.constantFrom("alice", "bob", "@pool", "message-1", "normal", "all", "idle", "", "\ud800", "\0", "a\0b"),
    fc.constantFrom(0, 1, 5, -1, 1.5, 1e308, 2 ** 53, 2 ** 31, 7888),
    fc.constantFrom(null, true, false),
    fc.constant([]),
    fc.constant([{ message_id: "message-1", attempt: 1, outcome: "read" }]),
    fc.jsonValue({ maxDepth: 2 }),
  );

  test.each(operations.map((op) => [op.name, op] as const))(
    "%s answers or refuses, but never fails",
    async (name, op) => {
      const fields = Object.keys(op.input.shape);
      // Some valid fields, so that the others are checked at all.
      const good: Record<string, unknown> = { ...place(), to: "bob", text: "x", summary: "x", message_id: "message-1" };
      const input = fc.record(
        Object.fromEntries(
          fields.map((field) => [field, field in good ? fc.oneof(fc.constant(good[field]), value) : value]),
        ),
        { requiredKeys: fields.filter((field) => field in good) },
      );
      const as = fc.constantFrom(alice, undefined);
      await fc.assert(
        fc.asyncProperty(input, as, async (sent, caller) => {
          const answer = await call(broker, name, sent, caller);
          if (answer.status === 200) return;
          const { status, message } = refusal(answer);
          expect(status, message).toBeGreaterThanOrEqual(400);
          expect(status, `${message} ${JSON.stringify(sent)}`).toBeLessThan(500);
        }),
        { numRuns: times(40, 150), endOnFailure: true },
      );
      // What was stored can be read.
      await ok(broker, "list_peers", {});
      await ok(broker, "messages", {});
    },
  );
});
