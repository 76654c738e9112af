/** The page's HTTP: the headers of refusals, HEAD, bodies, and what somebody without a login can use up. */
import { beforeAll, describe, expect, test } from "vitest";
import { ok, refusal, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { callFromPage, getFromPage, type Login, logIn, newCode, opened, sendCode } from "../support/page.ts";
import { newPeer } from "../support/peers.ts";
import { head, raw } from "../support/raw.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
let login: Login;
beforeAll(async () => {
  broker = await startBroker();
  await newPeer(broker, "ann");
  login = await logIn(broker);
});

const STRICT = {
  "content-security-policy": expect.stringContaining("default-src 'none'"),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

describe("a refusal has the headers of the page, too:", () => {
  test.each([
    ["HEAD", "/nowx"],
    ["OPTIONS", "/"],
    ["GET", "/page"],
    ["GET", "/nowx"],
    ["GET", "/status"],
  ])("%s %s", async (method, path) => {
    const answer = await send(broker, { method, path, headers: opened });
    expect(answer.headers).toMatchObject(STRICT);
  });

  test("too many requests", async () => {
    const own = await startBroker({ env: { CCT_REQUESTS_PER_SECOND: "1" } });
    const all = await Promise.all(
      Array.from({ length: 20 }, () => send(own, { method: "GET", path: "/", headers: opened })),
    );
    const refused = all.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers } of refused) expect(headers).toMatchObject(STRICT);
  });

  test.each([
    [
      "two Host headers",
      "GET /now HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: evil.example\r\nsec-fetch-site: none\r\nconnection: close\r\n\r\n",
    ],
    ["headers that are too large", `GET /now HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ${"x".repeat(20_000)}\r\n\r\n`],
  ])("%s", async (_what, bytes) => {
    const said = await raw(broker, bytes).over;
    expect(said).toMatch(/^HTTP\/1\.1 4\d\d /);
    for (const line of ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff"])
      expect(said).toContain(line);
  });
});

test("no answer of the API is taken for another type than it has", async () => {
  const answers = [
    await send(broker, { path: "/api/list_peers", body: "{}" }),
    await send(broker, { path: "/api/list_peers", body: "{}", headers: { authorization: undefined } }),
    await send(broker, { method: "GET", path: "/health" }),
  ];
  for (const { headers } of answers) expect(headers["x-content-type-options"]).toBe("nosniff");
});

test("HEAD is answered as GET, without the body", async () => {
  const document = await send(broker, { method: "GET", path: "/now", headers: opened });
  const [main = ""] = /\/page\/files\/main-\w+\.js/.exec(document.text) ?? [];
  for (const path of ["/now", main]) {
    const got = await send(broker, { method: "GET", path, headers: opened });
    const headed = await send(broker, { method: "HEAD", path, headers: opened });
    expect(headed).toMatchObject({ status: 200, text: "" });
    for (const name of ["content-type", "content-length", "cache-control", "content-security-policy"])
      expect([name, headed.headers[name]]).toEqual([name, got.headers[name]]);
  }
  // A stream has no end that a HEAD could leave out.
  expect(
    (
      await send(broker, {
        method: "HEAD",
        path: "/page/events",
        headers: { ...opened, "sec-fetch-site": "same-origin", ...login },
      })
    ).status,
  ).toBe(405);
});

test.each(["application/json-patch+json", "application/json; charset=utf-7", "application/jsonx"])(
  "a body of the type %s is not read",
  async (type) => {
    const answer = await callFromPage(broker, login, "overview", {}, { "content-type": type });
    expect(refusal(answer)).toMatchObject({ status: 400, code: "bad_request" });
  },
);

describe("somebody without a login", () => {
  test("cannot send a login that is larger than a code", async () => {
    const code = `${await newCode(broker)}${"0".repeat(1_024)}`;
    expect(refusal(await sendCode(broker, code))).toMatchObject({ status: 413, code: "too_large" });
  });

  test("cannot keep others from logging in, with many large logins that never end", async () => {
    const own = await startBroker();
    // Together one byte less than all that may arrive before the broker looks at who sends how much.
    const [each, all] = [512 * 1024, 48 * 1024 * 1024];
    const headers = { host: new URL(own.url).host, "sec-fetch-site": "same-origin", origin: own.url };
    const start = head("POST /page/login", {
      ...headers,
      "content-type": "application/json",
      "content-length": "600000",
    });
    const many = Array.from({ length: all / each }, (_, i) =>
      raw(own, `${start}\r\n${"x".repeat(i === 0 ? each - 1 : each)}`),
    );
    await until("the flood to be sent", () =>
      many.every(({ socket, said }) => said() !== "" || (socket.bytesWritten >= each && socket.writableLength === 0)),
    );
    await ok(own, "list_peers", {});
    expect((await sendCode(own, await newCode(own))).status).toBe(200);
    expect((await getFromPage(own, await logIn(own), "/page/status")).status).toBe(200);
  });
});
