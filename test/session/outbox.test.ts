/** The outbox: messages that a session sends while its broker is away. */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test as inTurn } from "vitest";
import { CALM_MS } from "../../src/rules/clock.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { type CctRun, cct, failure, success } from "../support/cct.ts";
import { type TestClock, testClock } from "../support/clock.ts";
import { tempHome } from "../support/folders.ts";
import { filesIn, startHost, type TestHost } from "../support/host.ts";
import { type Link, startProxy } from "../support/proxy.ts";
import { until } from "../support/wait.ts";

// Each test has its own machines and names, so they can run concurrently.
const test = inTurn.concurrent;

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

/** Mailboxes in which one message waits: the next one has to wait in the outbox until that is read. */
const SMALL_MAILBOXES = { CCT_MAILBOX_MESSAGES: "1" };
const FULL = "mailbox is full";

interface Machine {
  home: string;
  host: TestHost;
  proxy: Link;
  clock: TestClock;
  /** Folder of the session's outbox. */
  box: string;
  /** Calls the tool. Returns `kept` and `message_id` of its answer. */
  say(
    to: string,
    text: string,
    more?: object,
  ): Promise<{ kept: string; message_id: string; isError: boolean; text: string }>;
  cct(...args: string[]): Promise<CctRun>;
  /** Runs the command in the session's shell. */
  shell(...args: string[]): Promise<CctRun>;
}

/** A session on its own machine, whose connection to the broker can be cut. */
async function machine(name: string, outbox = true, { at = broker, env: more = {} } = {}): Promise<Machine> {
  const [home, proxy, clock] = [tempHome(), await startProxy(at.url), testClock()];
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, "token"), at.token, { mode: 0o600 });
  const env = { CCT_BROKER: proxy.url, ...proxy.env, ...clock.env, ...(outbox ? { CCT_OUTBOX: "true" } : {}), ...more };
  const host = await startHost(home, name, { env });
  await host.ready();
  const peer = (await ok(at, "list_peers", {})).peers.find((one) => one.name === name);
  const mine = { PATH: process.env.PATH, HOME: join(home, ".."), CCT_HOME: home, CCT_BROKER: proxy.url, ...proxy.env };
  return {
    home,
    host,
    proxy,
    clock,
    box: join(home, "outbox", peer?.peer_id ?? ""),
    async say(to, text, more = {}) {
      const { isError, text: whole, structured } = await host.tool("cct_send_message", { to, text, ...more });
      return { isError, text: whole, kept: String(structured.kept), message_id: String(structured.message_id) };
    },
    cct: (...args) => cct(args, { env: mine }),
    shell: (...args) => cct(args, { env: { ...mine, CLAUDE_PID: String(host.pid) } }),
  };
}

/** A peer with a mailbox and no session. */
async function reader(name: string, at = broker) {
  const { peer_id, secret = "" } = await ok(at, "register", {
    name,
    host: "far",
    claude_pid: 1,
    cwd: "/",
    held: [],
  });
  const texts = async (): Promise<string[]> =>
    (await ok(at, "messages", { peer: name })).messages.map((one) => one.text).reverse();
  const readAll = async (): Promise<void> => {
    const as = { peer_id, secret };
    const { messages } = await ok(at, "check_messages", { limit: 100 }, as);
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
    if (acks.length > 0) await ok(at, "ack_messages", { acks }, as);
  };
  return { peer_id, secret, texts, readAll };
}

const lying = ({ box }: Machine): string[] => (existsSync(box) ? readdirSync(box) : []);
const empty = (one: Machine) => until("the outbox is empty", () => !existsSync(one.box));

/** Waits for a report as mail from CCT itself. It leaves the outbox once the model has read it. */
async function reported(one: Machine): Promise<string> {
  const mail = await until("it is told", () => filesIn(one.host.spool).includes("mail") && one.host.mail());
  expect(mail).toContain("CCT notice");
  expect(lying(one)).toHaveLength(1);
  const { stdout } = await one.host.given("PreToolUse", { tool_name: "Bash" });
  expect(stdout).toContain("in this machine's outbox");
  await one.host.hook("Stop");
  await empty(one);
  return mail;
}

test("the outbox survives a killed session server; its messages arrive once and in order when the broker is back", async () => {
  const [ann, ben] = [await machine("ann"), await reader("ben")];
  ann.proxy.cut();
  const first = await ann.say("ben", "one");
  expect(first.kept).toMatch(/^kept in this machine's outbox, NOT .*within 24 h/);
  await ann.say("ben", "two");
  // Repeating the send gives the same answer.
  expect((await ann.say("ben", "two", { message_id: "0190-two-again" })).kept).toContain("outbox, NOT ");
  expect((await ann.say("ben", "two", { message_id: "0190-two-again" })).kept).toContain("outbox, NOT ");
  expect((await ann.say("ben", "other", { message_id: "0190-two-again" })).text).toContain("another message");
  expect((await ann.say("ben", "x", { message_id: "../../../x" })).text).toContain("message_id");
  const key = `ghp_${"k3Yq".repeat(9)}`;
  expect((await ann.say("ben", `the key is ${key}`)).text).toContain("looks like a key");
  expect(lying(ann)).toHaveLength(3);
  for (const name of lying(ann)) expect(statSync(join(ann.box, name)).mode & 0o777).toBe(0o600);
  expect(statSync(ann.box).mode & 0o777).toBe(0o700);
  success(await ann.cct("outbox", "--drop", "0190-two-again"));
  const server = ann.host.serverPid();
  process.kill(server, "SIGKILL");
  await ann.host.restarted(server);
  await ann.host.handshake();
  expect(await ben.texts()).toEqual([]);
  ann.proxy.back();
  await empty(ann);
  expect(await ben.texts()).toEqual(["one", "two"]);
  expect((await ann.say("ben", "three")).kept).toBe("undefined");
  expect(await ben.texts()).toEqual(["one", "two", "three"]);
});

test("a message whose answer was lost is kept as not confirmed, and arrives once", async () => {
  const [cat, dan] = [await machine("cat"), await reader("dan")];
  cat.proxy.loseAnswers();
  const answer = cat.say("dan", "once");
  await until("the broker has it", async () => (await dan.texts()).length === 1);
  expect((await answer).kept).toContain("NOT confirmed (perhaps it was sent");
  expect(lying(cat)).toHaveLength(1);
  cat.proxy.back();
  await empty(cat);
  expect(await dan.texts()).toEqual(["once"]);
});

test("what is in the outbox is sent as soon as the broker is back, not with the next regular heartbeat", async () => {
  const [pam, quin] = [await machine("pam"), await reader("quin")];
  const texts: string[] = [];
  for (let beats = 0; beats !== 1; ) {
    // A regular heartbeat may be due just then: then the next time tells.
    expect(texts.length).toBeLessThan(5);
    texts.push(`at once ${texts.length}`);
    pam.proxy.cut();
    await pam.say("quin", texts.at(-1) ?? "");
    const before = pam.proxy.heard().length;
    pam.proxy.back();
    await empty(pam);
    // The heartbeat that finds the broker sends it.
    const [untilSent = ""] = pam.proxy.heard().slice(before).split("POST /api/send_message");
    beats = untilSent.match(/POST \/api\/heartbeat/g)?.length ?? 0;
  }
  expect(await quin.texts()).toEqual(texts);
});

test("messages refused by the broker or a recipient are reported as mail", async () => {
  const [eve, fay] = [await machine("eve"), await reader("fay")];
  eve.proxy.cut();
  await eve.say("ghost", "is anybody there");
  eve.proxy.back();
  const mail = await reported(eve);
  expect(mail).toMatch(
    /\| About your message .* to "ghost".*"is anybody there".*refused, and NOT sent: There is no peer 'ghost'/,
  );

  await ok(broker, "inbound_policy", { policy: "refuse", peer: "fay" });
  eve.proxy.cut();
  await eve.say("fay", "not for you");
  eve.proxy.back();
  // Without hooks, the model checks for mail itself.
  const check = () => eve.host.tool("cct_check_messages");
  const asked = await until("it is told", async () => {
    const { text } = await check();
    return text.includes("outbox") && text;
  });
  expect(asked).toContain("It was sent, but not accepted for all: fay");
  expect(await fay.texts()).toEqual(["not for you"]);
});

test("a run in print mode that ends with messages in its outbox stays their peer", async () => {
  const at = await startBroker({ env: SMALL_MAILBOXES });
  const env = { CLAUDE_CODE_ENTRYPOINT: "sdk-cli" };
  const [pia, hal] = [await machine("pia", true, { at, env }), await reader("hugo", at)];
  await pia.say("hugo", "first");
  pia.proxy.cut();
  await pia.say("hugo", "again");
  pia.proxy.back();
  await until("it has to wait", async () => {
    const [waiting] = JSON.parse(success(await pia.cct("outbox", "--json"))).messages;
    return waiting?.why?.includes(FULL);
  });
  await pia.host.end();
  await until("she is offline", async () => {
    const { peers } = await ok(at, "list_peers", { all: true });
    return peers.find(({ name }) => name === "pia")?.presence === "offline";
  });
  expect(filesIn(join(pia.home, "peers"))).toHaveLength(1);
  expect(await hal.texts()).toEqual(["first"]);
});

test("a message that must wait lets others pass, and is reported when it is too old", async () => {
  const at = await startBroker({ env: SMALL_MAILBOXES });
  const [gil, hal, ina] = [await machine("gil", true, { at }), await reader("hal", at), await reader("ina", at)];
  await gil.say("hal", "first");
  gil.proxy.cut();
  await gil.say("hal", "again");
  await gil.say("hal", "behind it");
  await gil.say("ina", "past it");
  gil.proxy.back();
  await until("the other one is there", async () => (await ina.texts()).length === 1);
  const listed = JSON.parse(success(await gil.cct("outbox", "--json"))).messages;
  expect(listed).toMatchObject([
    { to: "hal", text: "again", state: "kept", why: expect.stringContaining(FULL) },
    { text: "behind it", state: "kept" },
  ]);
  await gil.clock.passUntil("the outbox is empty", async () => {
    await hal.readAll();
    return !existsSync(gil.box);
  });
  expect(await hal.texts()).toEqual(["first", "again", "behind it"]);

  gil.proxy.cut();
  await gil.say("hal", "old news");
  // A wrong clock, for as long as two beats take, ends nothing.
  gil.clock.forward(400 * 24 * 3_600_000);
  for (let beat = 0; beat < 2; beat++) await gil.clock.pass(20_000);
  gil.clock.forward(-400 * 24 * 3_600_000);
  expect(JSON.parse(success(await gil.cct("outbox", "--json"))).messages).toMatchObject([{ state: "kept" }]);
  gil.clock.forward(25 * 3_600_000);
  for (const ms of [20_000, CALM_MS, 20_000]) await gil.clock.pass(ms);
  // Its broker is still away.
  expect(await reported(gil)).toContain("It was NOT confirmed in time, perhaps it was sent (no broker answered)");
  gil.proxy.back();
  expect(await hal.texts()).toHaveLength(3);
});

test("a full outbox refuses a message and keeps the others", async () => {
  const [jon, kim] = [await machine("jon"), await reader("kim")];
  jon.proxy.cut();
  const long = "x".repeat(65_000);
  for (let i = 0; i < 16; i++) expect((await jon.say("kim", `${i} ${long}`)).kept).toContain("outbox, NOT ");
  const big = await jon.say("kim", `16 ${long}`);
  expect(big).toMatchObject({ isError: true });
  expect(big.text).toMatch(/it was not queued:.*outbox is full \(16 messages/);
  for (let i = 16; i < 20; i++) await jon.say("kim", `${i}`);
  jon.proxy.back();
  await empty(jon);
  expect((await kim.texts()).map((text) => text.split(" ")[0])).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));

  jon.proxy.cut();
  for (let i = 0; i < 100; i++) expect((await jon.say("kim", `n ${i}`)).kept).toContain("outbox, NOT ");
  expect((await jon.say("kim", "n 100")).text).toMatch(/outbox is full \(100 messages/);
});

test("the command uses the outbox for a session only, and only if asked", async () => {
  const [lea, max] = [await machine("lea", false), await reader("max")];
  lea.proxy.cut();
  const plain = failure(await lea.shell("send", "max", "plain"));
  expect(plain).not.toContain("outbox");
  expect(lying(lea)).toEqual([]);
  const mine = failure(await lea.cct("send", "max", "mine", "--outbox"));
  expect(mine).toMatch(/and not queued: only sessions have an outbox/);
  expect(existsSync(join(lea.home, "outbox")) && readdirSync(join(lea.home, "outbox"))).toEqual([]);
  expect(await lea.cct("send", "max", "x", "--outbox", "--wait", "read")).toMatchObject({ code: 2 });

  expect(success(await lea.shell("send", "max", "from its shell", "--outbox"))).toMatch(
    /^kept in .*\nmessage [\w-]+\n$/,
  );
  const said = await lea.cct("send", "max", "for it", "--outbox", "--as", "lea", "--json");
  const { message_id } = JSON.parse(success(said));
  const table = success(await lea.cct("outbox"));
  expect(table).toMatch(
    /^FROM +TO +KEPT +STATE +ID +TEXT\nlea +max +(?:just now|\d+ (?:s|min) ago) +kept +\S+ +from its shell\nlea .* for it\n$/,
  );
  success(await lea.cct("outbox", "--drop", message_id));
  expect(failure(await lea.cct("outbox", "--drop", message_id))).toContain("No outbox holds");
  lea.proxy.back();
  await empty(lea);
  expect(await max.texts()).toEqual(["from its shell"]);
  expect(success(await lea.cct("outbox"))).toBe("The outboxes are empty.\n");
});
