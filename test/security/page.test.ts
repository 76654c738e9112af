/** The page: who gets in, what other pages in the same browser can cause, and what is told to nobody. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { operations } from "../../src/operations/index.ts";
import { pageOperations } from "../../src/operations/surface/page-operations.ts";
import { type Answer, call, ok, refusal, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import {
  callFromPage,
  cookieOf,
  fromOwnPage,
  getFromPage,
  type Login,
  logIn,
  loginOf,
  newCode,
  opened,
  sendCode,
} from "../support/page.ts";
import { newPeer } from "../support/peers.ts";

let broker: TestBroker;
let login: Login;
beforeAll(async () => {
  broker = await startBroker();
  await newPeer(broker, "ann");
  login = await logIn(broker);
});

const isOwn = ({ own }: { own?: boolean | undefined }): boolean => own === true;

const unauthorized = { status: 401, code: "unauthorized" };
const forbidden = { status: 403, code: "forbidden" };

describe("a login", () => {
  test("sets a cookie that no script reads and no other site sends, named after the broker", async () => {
    const answer = await sendCode(broker, await newCode(broker));
    const [set = ""] = answer.headers["set-cookie"] ?? [];
    expect(set).toMatch(/^cct_[0-9a-f]{8}=[0-9a-f]{32}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/);
    expect(answer.text).not.toContain(cookieOf(answer).split("=")[1]);
    expect(await callFromPage(broker, loginOf(answer), "overview")).toMatchObject({
      status: 200,
      json: { peers: [{ name: "ann" }] },
    });
  });

  test("works once for each code", async () => {
    const code = await newCode(broker);
    expect((await sendCode(broker, code)).status).toBe(200);
    expect(refusal(await sendCode(broker, code))).toMatchObject(unauthorized);
    const both = await newCode(broker);
    const answers = await Promise.all([sendCode(broker, both), sendCode(broker, both)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
  });

  test("does not work a minute later", async () => {
    const clock = testClock();
    const own = await startBroker({ clock });
    const code = await newCode(own);
    await clock.pass(60_001);
    expect(refusal(await sendCode(own, code))).toMatchObject(unauthorized);
  });

  test("ends when the browser was not seen for 30 days, and is prolonged by each visit", async () => {
    const clock = testClock();
    const own = await startBroker({ clock });
    const mine = await logIn(own);
    await clock.pass(20 * 86_400_000);
    const seen = await callFromPage(own, mine, "overview");
    expect(seen.status).toBe(200);
    expect(cookieOf(seen)).toBe(mine.cookie);
    await clock.pass(20 * 86_400_000);
    expect((await callFromPage(own, mine, "overview")).status).toBe(200);
    await clock.pass(31 * 86_400_000);
    expect(refusal(await callFromPage(own, mine, "overview"))).toMatchObject(unauthorized);
  });

  test.each([
    ["nothing", {}],
    ["another type", { code: 1 }],
    ["a wrong code", { code: "0".repeat(32) }],
  ])("is refused with %s", async (_what, input) => {
    const answer = await send(broker, {
      path: "/page/login",
      body: JSON.stringify(input),
      headers: fromOwnPage(broker),
    });
    expect([400, 401]).toContain(refusal(answer).status);
    expect(answer.headers["set-cookie"]).toBeUndefined();
  });
});

describe("a browser that is logged in", () => {
  test("is listed, and logged out by the operator or by itself", async () => {
    const headers = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" };
    const first = loginOf(await sendCode(broker, await newCode(broker), headers));
    const { browsers } = await ok(broker, "list_browsers", {});
    const mine = browsers.find(({ name }) => name === "Firefox on Linux");
    expect(mine?.ends_at).toBe((mine?.last_seen ?? 0) + 30 * 86_400_000);
    // The page is told which one asks, a command which ones its own machine let in.
    const ownOf = async (who: Login) =>
      Object(Object((await callFromPage(broker, who, "list_browsers")).json).browsers.filter(isOwn));
    expect(await ownOf(first)).toMatchObject([{ browser_id: mine?.browser_id, here: true }]);
    expect((await ownOf(login))[0].browser_id).not.toBe(mine?.browser_id);
    expect(browsers.filter(isOwn)).toEqual([]);
    expect(browsers.every(({ here }) => here)).toBe(true);
    await ok(broker, "revoke_browser", { browser: mine?.browser_id ?? "" });
    expect(refusal(await callFromPage(broker, first, "overview"))).toMatchObject(unauthorized);

    const second = await logIn(broker);
    const out = await send(broker, {
      path: "/page/logout",
      body: "{}",
      headers: { ...fromOwnPage(broker), ...second },
    });
    expect(out.headers["set-cookie"]?.[0]).toMatch(/^cct_[0-9a-f]{8}=; Path=\/; Max-Age=0;/);
    expect(refusal(await callFromPage(broker, second, "overview"))).toMatchObject(unauthorized);
    expect((await callFromPage(broker, login, "overview")).status).toBe(200);
  });

  test("has the rights of the token with which it came, also when that is revoked later", async () => {
    const { token, device_id } = await ok(broker, "add_device", { name: "kiosk", scope: "read" });
    const reader = await logIn({ ...broker, token });
    expect((await callFromPage(broker, reader, "overview")).status).toBe(200);
    for (const operation of ["messages", "attention", "list_devices", "conversations"])
      expect(refusal(await callFromPage(broker, reader, operation, {}))).toMatchObject({ code: "forbidden" });
    await ok(broker, "revoke_device", { device: device_id });
    expect(refusal(await callFromPage(broker, reader, "overview"))).toMatchObject(unauthorized);
  });

  test("can do what the page does, and no more: above all it makes no token and no other login", async () => {
    const others = operations.filter(({ name }) => !pageOperations.some((one) => one === name));
    expect(others.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["open_page", "add_device", "invite_device"]),
    );
    for (const { name } of others)
      expect([name, (await callFromPage(broker, login, name)).status]).toEqual([name, 404]);
    const sources = readdirSync("src/page", { encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));
    const text = sources.map((name) => readFileSync(join("src/page", name), "utf8")).join("\n");
    const used = new Set([...text.matchAll(/\bcall\(\s*"(\w+)"/g)].map(([, name]) => name));
    expect([...used].sort()).toEqual([...pageOperations]);
  });

  test("is worth nothing at another broker", async () => {
    const other = await startBroker();
    const value = login.cookie.split("=")[1];
    const [name] = (await logIn(other)).cookie.split("=");
    const shown = { ...login, cookie: `${name}=${value}` };
    expect(refusal(await callFromPage(other, shown, "overview"))).toMatchObject(unauthorized);
  });

  test("is told by the last of several cookies with its name, so that another page cannot put one before it", async () => {
    const [name] = login.cookie.split("=");
    const tossed = { ...login, cookie: `${name}=${"0".repeat(32)}; ${login.cookie}` };
    expect((await callFromPage(broker, tossed, "overview")).status).toBe(200);
  });

  test("has a cookie that is worth nothing to a server at another port, which gets it: the page's key stays at its own", async () => {
    const { cookie } = login;
    for (const key of [undefined, "", "0".repeat(32), cookie.split("=")[1]]) {
      const stolen = { cookie, ...(key !== undefined && { "x-cct-page": key }) };
      expect(refusal(await callFromPage(broker, stolen, "overview"))).toMatchObject(unauthorized);
    }
    expect(refusal(await getFromPage(broker, { cookie }, "/page/events"))).toMatchObject(unauthorized);
    expect(refusal(await callFromPage(broker, { "x-cct-page": login["x-cct-page"] }, "overview"))).toMatchObject(
      unauthorized,
    );
    expect((await callFromPage(broker, login, "overview")).status).toBe(200);
  });
});

test("without a cookie there is the empty page, and nothing else", async () => {
  for (const path of ["/", "/now", "/talk/@checkout", "/broker", "/open"]) {
    const page = await send(broker, { method: "GET", path, headers: opened });
    expect(page).toMatchObject({ status: 200, headers: { "content-type": "text/html; charset=utf-8" } });
    expect(page.text).not.toContain("ann");
  }
  // Answers to wrong credentials come slowly after the first, so they are asked for side by side.
  const own = await startBroker();
  const answers = await Promise.all([
    ...pageOperations.map((name) => callFromPage(own, undefined, name)),
    ...["/page/status", "/page/events"].map((path) => getFromPage(own, undefined, path)),
  ]);
  for (const answer of answers) expect(refusal(answer)).toMatchObject(unauthorized);
});

describe("with the cookie, but not from the broker's own page", () => {
  const evil = "https://evil.example";
  const asks: [what: string, headers: Record<string, string | undefined>][] = [
    ["fetch of another site", { "sec-fetch-site": "cross-site", origin: evil }],
    [
      "fetch of a page at another port of this machine",
      { "sec-fetch-site": "same-site", origin: "http://127.0.0.1:1" },
    ],
    ["fetch no-cors", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", origin: evil }],
    ["a form", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", origin: "null" }],
    ["an address that a person opens", { "sec-fetch-site": "none", origin: undefined }],
    ["another origin", { origin: evil }],
    ["no origin", { origin: undefined }],
  ];
  test.each(asks)("%s changes nothing", async (_what, headers) => {
    const answer = await callFromPage(broker, login, "send_message", { to: "ann", text: "evil" }, headers);
    expect(refusal(answer)).toMatchObject(forbidden);
    const tried = await sendCode(broker, await newCode(broker), headers);
    expect(refusal(tried)).toMatchObject(forbidden);
    expect(tried.headers["set-cookie"]).toBeUndefined();
    expect((await ok(broker, "messages", {})).messages).toEqual([]);
  });

  test("an image, a script or a frame of another site gets nothing", async () => {
    const icon = /\/page\/files\/icon[^"]*/.exec(
      (await send(broker, { method: "GET", path: "/", headers: opened })).text,
    );
    for (const [mode, dest] of [
      ["no-cors", "image"],
      ["no-cors", "script"],
      ["navigate", "iframe"],
    ])
      for (const path of ["/", String(icon), "/page/status"]) {
        const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": mode, "sec-fetch-dest": dest };
        expect(refusal(await getFromPage(broker, login, path, headers))).toMatchObject(forbidden);
      }
  });

  test("a stolen cookie without what a browser adds is no token", async () => {
    for (const headers of [{}, { origin: undefined }]) {
      const without = { ...headers, "sec-fetch-site": undefined };
      expect([401, 403]).toContain((await callFromPage(broker, login, "overview", {}, without)).status);
    }
    // Nor is it one for the routes of programs.
    const elsewhere = await send(broker, {
      path: "/api/list_peers",
      body: "{}",
      headers: { authorization: undefined, ...login },
    });
    expect(refusal(elsewhere)).toMatchObject(unauthorized);
  });

  test("a name that leads here (DNS rebinding) opens nothing", async () => {
    const port = new URL(broker.url).port;
    for (const host of [`evil.example:${port}`, `192.168.1.5:${port}`, `127.0.0.1.evil.example:${port}`]) {
      const headers = { host, origin: `http://${host}` };
      expect(refusal(await callFromPage(broker, login, "overview", {}, headers))).toMatchObject(forbidden);
      expect(refusal(await send(broker, { method: "GET", path: "/", headers: { ...opened, host } }))).toMatchObject(
        forbidden,
      );
    }
  });

  test("a body that is not JSON is not read", async () => {
    const answer = await callFromPage(broker, login, "send_message", {}, { "content-type": "text/plain" });
    expect(refusal(answer)).toMatchObject({ status: 400 });
  });
});

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

test("every answer to a browser has the strict policy; files may be kept for ever, the document never", async () => {
  const document = await send(broker, { method: "GET", path: "/", headers: opened });
  const [main = ""] = /\/page\/files\/main-\w+\.js/.exec(document.text) ?? [];
  const file = await getFromPage(broker, undefined, main, { "accept-encoding": "gzip, br" });
  const plain = await getFromPage(broker, undefined, main, { "accept-encoding": "br;q=0" });
  const refused = await callFromPage(broker, undefined, "overview");
  for (const { headers } of [document, file, plain, refused])
    expect(headers).toMatchObject({
      "content-security-policy": POLICY,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
    });
  expect(document.headers["cache-control"]).toBe("no-store");
  expect(file).toMatchObject({
    status: 200,
    headers: { "content-encoding": "br", "cache-control": "public, max-age=31536000, immutable" },
  });
  expect(plain.headers["content-encoding"]).toBeUndefined();
  expect(plain.text).toContain("import");
  for (const name of ["../bin.js", "%2e%2e/bin.js", "index.html", "nothing.js", ""])
    expect((await getFromPage(broker, login, `/page/files/${name}`)).status).not.toBe(200);
});

test("neither code nor cookie is in the log, in an error, or in the store", async () => {
  const own = await startBroker();
  const code = await newCode(own);
  const answer = await sendCode(own, code);
  const mine = loginOf(answer);
  const value = mine.cookie.split("=")[1] ?? "?";
  const secrets = [code, value, mine["x-cct-page"]];
  const errors = [await sendCode(own, code), await callFromPage(own, mine, "revoke_device", { device: "x" })];
  await own.stop();
  const files = readdirSync(own.home, { recursive: true, encoding: "utf8" }).map((name) => join(own.home, name));
  for (const path of files.filter((one) => statSync(one).isFile()))
    for (const secret of secrets) expect(readFileSync(path, "latin1").includes(secret), path).toBe(false);
  for (const { text } of errors) for (const secret of secrets) expect(text).not.toContain(secret);
});

test("wrong codes come slowly: the later answers are delayed, and others are not kept waiting", async () => {
  const own = await startBroker();
  const wrong = Array.from({ length: 12 }, (_, i) => sendCode(own, String(i % 10).repeat(32)));
  const code = await newCode(own);
  expect((await sendCode(own, code)).status).toBe(200);
  const answers: Answer[] = await Promise.all(wrong);
  expect(answers.every(({ status }) => status === 401)).toBe(true);
  expect((await call(own, "list_peers", {})).status).toBe(200);
});
