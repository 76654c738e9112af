/** A client with several broker addresses: which one it uses, and when it changes to another. */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test as inTurn } from "vitest";
import { type Client, createClient, isNoAnswer, wasNotReceived } from "../../src/client/client.ts";
import { localClient } from "../../src/client/local.ts";
import { isRepeatable } from "../../src/client/repeatable.ts";
import { surface } from "../../src/operations/surface/snapshot.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { CctError } from "../../src/platform/errors.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { tempHome } from "../support/folders.ts";
import { startProxy } from "../support/proxy.ts";
import { startUnwell } from "../support/unwell.ts";
import { until } from "../support/wait.ts";

// Each test has addresses of its own.
const test = inTurn.concurrent;

const NOBODY = "http://127.0.0.1:9";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

/** What a client gets of the world; `random` 0 keeps the order of its addresses. */
const world = (random = 0.5) => ({ random: () => random, newId: () => randomBytes(16).toString("hex") });

/** A client that asks these addresses in this order. */
function client(...urls: string[]): Client {
  const made = createClient(() => ({ urls, token: broker.token, forwardedTo: [new URL(broker.url).host] }), world(0));
  atEnd(() => made.close());
  return made;
}

async function failure(work: Promise<unknown>): Promise<CctError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof CctError) return error;
  throw new Error(`no failure, but ${error}`);
}

const pools = async (): Promise<string[]> => (await ok(broker, "list_pools", {})).pools.map((pool) => pool.name);

test("without an answer from the first address, the second is used, at once and from then on, for any call", async () => {
  const one = client(NOBODY, broker.url);
  await one.call("create_pool", { name: "second", purpose: "a call that is not to be made twice" });
  expect(one.inUse()).toBe(broker.url);
  expect(await pools()).toContain("second");
});

test("without any answer, one error names all addresses and says that none received the call", async () => {
  const error = await failure(client(NOBODY, "http://127.0.0.1:10").call("list_peers", {}));
  expect(error).toMatchObject({ code: "unavailable" });
  expect(error.message).toMatch(/127\.0\.0\.1:9\..*127\.0\.0\.1:10\./);
  expect(wasNotReceived(error)).toBe(true);
  expect(await client(NOBODY, "http://127.0.0.1:10").health()).toBe(undefined);
});

test("after a lost answer, a message is repeated and stored once; a call that must not be made twice is not repeated", async () => {
  const lossy = await startProxy(broker.url);
  lossy.loseAnswers();
  const { peer_id } = await ok(broker, "register", { name: "lost", host: "h", cwd: "/", host_pid: 1, held: [] });
  const message_id = "0190a5b0-0000-7000-8000-000000000001";
  await client(lossy.url, broker.url).call("send_message", { to: peer_id, text: "once", message_id });
  const { messages } = await ok(broker, "messages", { peer: peer_id });
  expect(messages.map((one) => one.text)).toEqual(["once"]);

  const one = client(lossy.url, broker.url);
  const error = await failure(one.call("create_pool", { name: "perhaps", purpose: "made, but nobody hears of it" }));
  expect(error.code).toBe("unavailable");
  expect(wasNotReceived(error)).toBe(false);
  expect(await pools()).toContain("perhaps");
  // The next call goes elsewhere.
  expect(one.inUse()).toBe(broker.url);
});

test("a broker that falls silent is abandoned while there is another, and its stream ends", async () => {
  const proxy = await startProxy(broker.url);
  const { peer_id, secret = "" } = await ok(broker, "register", {
    name: "hush",
    host: "h",
    cwd: "/",
    host_pid: 1,
    held: [],
  });
  const one = client(proxy.url, broker.url);
  const stream = await one.openStream({ peer_id, secret });
  const broken = new Promise((resolve) => stream.once("error", resolve));
  stream.resume();
  proxy.blackHole();
  await one.call("list_peers", {});
  expect(one.inUse()).toBe(broker.url);
  await broken;
});

test("a broker that ends its streams is left at once", async () => {
  const ending = await startBroker();
  const urls = [ending.url, broker.url];
  const one = createClient(() => ({ urls, token: ending.token }), world(0));
  const { peer_id, secret = "" } = await ok(ending, "register", {
    name: "x",
    host: "h",
    cwd: "/",
    host_pid: 1,
    held: [],
  });
  const stream = await one.openStream({ peer_id, secret });
  stream.on("error", () => {});
  stream.resume();
  expect(one.inUse()).toBe(ending.url);
  await ending.stop();
  await until("the other one is in use", () => one.inUse() === broker.url);
  one.close();
});

test("after `unavailable`, one other broker is asked, not all of them, and the stream stays", async () => {
  const [a, b, c] = [await startUnwell(broker.url), await startUnwell(broker.url), await startUnwell(broker.url)];
  const { peer_id, secret = "" } = await ok(broker, "register", {
    name: "calm",
    host: "h",
    cwd: "/",
    host_pid: 1,
    held: [],
  });
  const one = client(a.url, b.url, c.url);
  const stream = await one.openStream({ peer_id, secret });
  let over = false;
  stream.on("close", () => {
    over = true;
  });
  stream.resume();
  a.notNow(true);
  await one.call("list_peers", {});
  expect(one.inUse()).toBe(b.url);

  for (const each of [b, c]) each.notNow(true);
  const before = [a, b, c].map(({ asked }) => asked.length).reduce((sum, n) => sum + n);
  const error = await failure(one.call("list_peers", {}));
  expect(error.message).toBe("The database is away.");
  expect(isNoAnswer(error)).toBe(false);
  expect([a, b, c].map(({ asked }) => asked.length).reduce((sum, n) => sum + n)).toBe(before + 2);
  expect(over).toBe(false);
});

test("a call is repeated only if its operation says that this is safe", () => {
  for (const { name, repeatable, tool } of surface) {
    expect([name, isRepeatable(name, {})]).toEqual([name, repeatable === "always"]);
    // What changes nothing can always be asked again. Mail is read only as far as a host's plan mode is concerned: it is
    // given out once.
    if (tool?.readOnly && name !== "check_messages") expect([name, repeatable]).toEqual([name, "always"]);
  }
  expect(isRepeatable("send_message", { message_id: "m" })).toBe(true);
  expect(isRepeatable("send_message", { to: "bob", text: "x" })).toBe(false);
  expect(isRepeatable("check_messages", {})).toBe(false);
});

test("the home's own token is sent to none of a list that has an address elsewhere", async () => {
  const home = tempHome();
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, "token"), broker.token, { mode: 0o600 });
  const shown: unknown[] = [];
  for (const more of ["", ",http://127.0.0.2:9", ",http://192.0.2.1:9"]) {
    const { url, env, heard } = await startProxy(broker.url);
    const config = loadConfig({ env: { CCT_HOME: home, CCT_BROKER: url + more, ...env }, cwd: "/" });
    const one = localClient(config, world());
    const health = (await one.healthOfEach()).find((each) => each.url === url);
    one.close();
    shown.push([heard().includes(broker.token), health?.problem?.message ?? "healthy"]);
  }
  expect(shown).toEqual([
    [true, "healthy"],
    [true, "healthy"],
    [false, expect.stringContaining("has no token for the broker")],
  ]);
});

const FP = "ab".repeat(32);

test.each<[string, string, unknown]>([
  ["CCT_BROKER", "studio", ["https://studio:7888"]],
  ["CCT_BROKER", "studio, 127.0.0.1:1 ,http://loft:80", ["https://studio:7888", "http://127.0.0.1:1", "http://loft"]],
  ["CCT_BROKER", "studio,https://studio:7888,STUDIO", ["https://studio:7888"]],
  ["CCT_BROKER", "a,,b", /'': not a host/],
  ["CCT_BROKER", "a,b c,d", /CCT_BROKER.*'b c': not a host/],
  ["CCT_BROKER", "a,https://me:word@b", /part 2: not a host/],
  ["CCT_BROKER", Array.from({ length: 17 }, (_, i) => `h${i}`).join(","), /more than 16/],
  [
    "CCT_FINGERPRINT",
    `SHA256:${FP.toUpperCase().match(/../g)?.join(":")},${"0".repeat(64)},${FP}`,
    [FP, "0".repeat(64)],
  ],
  ["CCT_FINGERPRINT", `${FP},ab`, /'ab': a SHA-256 fingerprint/],
])("%s=%s", (name, value, expected) => {
  const load = () => loadConfig({ env: { CCT_HOME: tempHome(), [name]: value }, cwd: "/" });
  if (expected instanceof RegExp) {
    expect(load).toThrow(expected);
    expect(load).not.toThrow(/word/);
  } else expect(name === "CCT_BROKER" ? load().broker : load().fingerprint).toEqual(expected);
});
