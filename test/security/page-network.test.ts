/** The page and other machines: closed to them unless it was opened, then over TLS, and with their own token only. */
import { request } from "node:https";
import { describe, expect, test } from "vitest";
import { ownAddresses } from "../../src/platform/addresses.ts";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { notRun } from "../support/not-run.ts";
import { callFromPage, logIn, loginOf, newCode, sendCode } from "../support/page.ts";
import { newPeer } from "../support/peers.ts";

const [address] = ownAddresses(["IPv4"]);
const isAlone =
  address === undefined && notRun("the page over the network", "this machine has no address but loopback");

interface Asked {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** A request over the network, as a browser there sends it. */
function ask(
  broker: TestBroker,
  path: string,
  body?: unknown,
  more: Record<string, string | undefined> = {},
): Promise<Asked> {
  const { port } = new URL(broker.url);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    host: `${address}:${port}`,
    "sec-fetch-site": "same-origin",
    ...(text !== undefined && { origin: `https://${address}:${port}`, "content-type": "application/json" }),
    ...more,
  };
  const given = Object.entries(headers).filter((one): one is [string, string] => one[1] !== undefined);
  return new Promise((resolve, reject) => {
    const method = text === undefined ? "GET" : "POST";
    const where = { host: address, port, path, method, rejectUnauthorized: false, headers: Object.fromEntries(given) };
    const outgoing = request(where, (response) => {
      let all = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        all += part;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: all }));
    });
    outgoing.on("error", reject);
    outgoing.end(text);
  });
}

const openBroker = (onNetwork: boolean): Promise<TestBroker> =>
  startBroker({ env: { CCT_HOST: "0.0.0.0", ...(onNetwork && { CCT_PAGE_ON_NETWORK: "true" }) } });

describe.skipIf(isAlone)("from another address", () => {
  test("there is no page unless it was opened to the network", async () => {
    const broker = await openBroker(false);
    for (const path of ["/", "/now", "/page/files/inter-license.txt", "/page/status"])
      expect((await ask(broker, path)).status).toBe(403);
    expect((await ask(broker, "/page/login", { code: await newCode(broker) })).status).toBe(403);
    expect((await ask(broker, "/", undefined, { "sec-fetch-site": undefined })).status).toBe(401);
  });

  test("a machine logs in with its own token, and sees what that shows", async () => {
    const broker = await openBroker(true);
    await newPeer(broker, "ann");
    await ok(broker, "create_pool", { name: "front", purpose: "for all to see" });
    expect(await ask(broker, "/")).toMatchObject({ status: 200, headers: { "cache-control": "no-store" } });
    const { token } = await ok(broker, "add_device", { name: "phone", scope: "read" });
    const login = await ask(broker, "/page/login", { code: await newCode({ ...broker, token }) });
    const [set = ""] = login.headers["set-cookie"] ?? [];
    expect(set).toMatch(
      /^__Host-cct_[0-9a-f]{8}=[0-9a-f]{32}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict; Secure$/,
    );
    const mine = { ...loginOf({ ...login, headers: { "set-cookie": [set] }, json: JSON.parse(login.text) }) };
    const overview = await ask(broker, "/page/api/overview", {}, mine);
    expect(JSON.parse(overview.text)).toMatchObject({ peers: [{ name: "ann", pools: [] }] });
    for (const operation of ["attention", "conversations", "messages", "list_devices", "list_browsers"])
      expect((await ask(broker, `/page/api/${operation}`, {}, mine)).status).toBe(403);
  });

  test("a phone that the operator lets in is the operator there, until it is logged out; its code works once", async () => {
    const broker = await openBroker(true);
    const ann = await newPeer(broker, "ann");
    await ok(broker, "send_message", { to: "operator", text: "which port?" }, ann);
    const { code } = await ok(broker, "open_page", { phone: true });
    const answer = await ask(broker, "/page/login", { code });
    expect((await ask(broker, "/page/login", { code })).status).toBe(401);
    const [set = ""] = answer.headers["set-cookie"] ?? [];
    const phone = { ...loginOf({ ...answer, headers: { "set-cookie": [set] }, json: JSON.parse(answer.text) }) };
    const needs = await ask(broker, "/page/api/attention", {}, phone);
    expect(JSON.parse(needs.text)).toMatchObject({ needs: [{ kind: "question", name: "ann" }] });
    expect((await ask(broker, "/page/api/send_message", { to: "ann", text: "7888" }, phone)).status).toBe(200);
    expect((await ok(broker, "messages", {})).messages[0]).toMatchObject({ from: "operator", text: "7888" });
    for (const operation of ["open_page", "add_device", "invite_device"])
      expect((await ask(broker, `/page/api/${operation}`, {}, phone)).status).toBe(404);
    expect((await ok(broker, "list_browsers", {})).browsers).toMatchObject([{ on_network: true }]);
    await ok(broker, "revoke_browser", { browser: "all" });
    expect((await ask(broker, "/page/api/attention", {}, phone)).status).toBe(401);
  });

  test("only the operator at the broker's own machine lets a phone in, and not while the page is closed to the network", async () => {
    const broker = await openBroker(false);
    const { token } = await ok(broker, "add_device", { name: "tablet", scope: "admin" });
    expect(await refused({ ...broker, token }, "open_page", { phone: true })).toMatchObject({ code: "forbidden" });
    const { code } = await ok(broker, "open_page", { phone: true });
    expect((await ask(broker, "/page/login", { code })).status).toBe(403);
  });

  test("a login of the broker's own machine is worth nothing elsewhere", async () => {
    const broker = await openBroker(true);
    const code = await newCode(broker);
    expect((await ask(broker, "/page/login", { code })).status).toBe(401);
    // Who shows the link elsewhere has used it up.
    expect((await sendCode(broker, code)).status).toBe(401);
    const here = await logIn(broker);
    expect((await callFromPage(broker, here, "attention")).status).toBe(200);
    for (const cookie of [here.cookie, `__Host-${here.cookie}`])
      expect((await ask(broker, "/page/api/attention", {}, { ...here, cookie })).status).toBe(401);
  });

  test("names that lead here, other origins and plain HTTP open nothing", async () => {
    const broker = await openBroker(true);
    const { port } = new URL(broker.url);
    const named = { host: `evil.example:${port}`, origin: `https://evil.example:${port}` };
    expect((await ask(broker, "/", undefined, { host: named.host })).status).toBe(403);
    const { token } = await ok(broker, "add_device", { name: "phone", scope: "admin" });
    for (const more of [named, { origin: "https://evil.example" }, { origin: `http://${address}:${port}` }]) {
      const code = await newCode({ ...broker, token });
      expect((await ask(broker, "/page/login", { code }, more)).status).toBe(403);
    }
    const plain = await fetch(`http://${address}:${port}/now`).then(({ status }) => status);
    expect(plain).toBe(400);
  });
});
