/** Logins at the page: whose limits they use, what ends them, and what a restart of the broker changes for them. */
import { expect, test } from "vitest";
import { ok, refusal, send } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { callFromPage, getFromPage, logIn, newCode, sendCode } from "../support/page.ts";
import { newPeer } from "../support/peers.ts";
import { head, raw } from "../support/raw.ts";
import { until } from "../support/wait.ts";

const unauthorized = { status: 401, code: "unauthorized" };

test("a machine with too many logins loses its own oldest ones at once, and no other machine loses any", async () => {
  const broker = await startBroker();
  const mine = await logIn(broker);
  const reader = { ...broker, ...(await ok(broker, "add_device", { name: "kiosk", scope: "read" })) };
  const first = await logIn(reader);
  const headers = { host: new URL(broker.url).host, "sec-fetch-site": "same-origin", ...first };
  const feed = raw(broker, `${head("GET /page/events", headers)}\r\n`);
  await until("the feed of its first browser", () => feed.said().includes("look_again"));
  for (let i = 0; i < 100; i++) await logIn(reader);
  expect((await callFromPage(broker, mine, "overview")).status).toBe(200);
  await until("the end of that feed", () => feed.said().endsWith("\r\n0\r\n\r\n"));
  expect(refusal(await callFromPage(broker, first, "overview"))).toMatchObject(unauthorized);
  const { browsers } = await ok(broker, "list_browsers", {});
  expect(browsers.filter(({ device }) => device === "kiosk")).toHaveLength(20);
});

test("with a machine its browsers leave the list, and its open links end", async () => {
  const broker = await startBroker();
  await logIn(broker);
  const reader = { ...broker, ...(await ok(broker, "add_device", { name: "kiosk", scope: "read" })) };
  await logIn(reader);
  const code = await newCode(reader);
  expect((await ok(broker, "list_browsers", {})).browsers).toHaveLength(2);
  await ok(broker, "revoke_device", { device: "kiosk" });
  expect((await ok(broker, "list_browsers", {})).browsers).toMatchObject([{ name: "a browser" }]);
  expect(refusal(await sendCode(broker, code))).toMatchObject(unauthorized);
});

test("after a restart of the broker a logged-in browser is known, and a flood without a login does not keep it out", async () => {
  const env = { CCT_REQUESTS_PER_SECOND: "10" };
  const first = await startBroker({ env });
  const login = await logIn(first);
  await first.stop();
  const broker = await startBroker({ env, home: first.home });
  const health = () => send(broker, { method: "GET", path: "/health", headers: { authorization: undefined } });
  const flood = await Promise.all(Array.from({ length: 100 }, health));
  expect(flood.filter(({ status }) => status === 429).length).toBeGreaterThan(50);
  const seen = await getFromPage(broker, login, "/page/status");
  expect(seen.status).toBe(200);
});

test("a request that takes until the 30 days of its login are over does nothing", async () => {
  const clock = testClock();
  const broker = await startBroker({ clock, timing: { clientTimeoutMs: 60_000 } });
  await newPeer(broker, "ann");
  const login = await logIn(broker);
  const body = JSON.stringify({ to: "ann", text: "too late" });
  const headers = {
    host: new URL(broker.url).host,
    connection: "close",
    "content-type": "application/json",
    "content-length": String(body.length),
    "sec-fetch-site": "same-origin",
    origin: broker.url,
    ...login,
  };
  const late = raw(broker, `${head("POST /page/api/send_message", headers)}\r\n${body.slice(0, -1)}`);
  // Another request shows that the broker has had time to check the first one's login.
  expect((await callFromPage(broker, login, "overview")).status).toBe(200);
  await clock.pass(31 * 86_400_000);
  late.socket.write(body.slice(-1));
  expect(await late.over).toMatch(/^HTTP\/1\.1 401 /);
  expect((await ok(broker, "messages", {})).messages).toEqual([]);
});
