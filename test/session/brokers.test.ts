/** Sessions and commands with several broker addresses: brokers die, come back, or cannot work now. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test as inTurn } from "vitest";
import { fingerprintOf } from "../../src/broker/http/certificate.ts";
import { runCommand } from "../hooks/hook.ts";
import { script } from "../statusline/line.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { cct, failure, success, wrongUsage } from "../support/cct.ts";
import { testClock } from "../support/clock.ts";
import { tempFolder, tempHome } from "../support/folders.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { canMount, notRun, withHosts } from "../support/not-run.ts";
import { type Link, startProxy } from "../support/proxy.ts";
import { startUnwell } from "../support/unwell.ts";
import { until } from "../support/wait.ts";

// Each test has its own machines and names.
const test = inTurn.concurrent;

const clock = testClock();
let broker: TestBroker;
beforeAll(async () => {
  // The loop guard must not stop sessions that send as fast as they can.
  const noLimits = { CCT_SENDS_PER_MINUTE: "0", CCT_SENDS_PER_PAIR: "0" };
  broker = await startBroker({ clock, env: { ...noLimits } });
});

/** A home on another machine, with the broker's token. */
function machine(token = broker.token): string {
  const home = tempHome();
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, "token"), token, { mode: 0o600 });
  return home;
}

async function line(home: string, host: TestHost): Promise<string> {
  const env = { PATH: process.env.PATH, CCT_HOME: home, CLAUDE_PID: String(host.pid) };
  return (await runCommand(["bash", script], env, "{}")).stdout.trimEnd();
}

const person = (home: string, CCT_BROKER: string) => {
  const env = { PATH: process.env.PATH, HOME: join(home, ".."), CCT_HOME: home, CCT_BROKER, ...ways() };
  return (...words: string[]) => cct(words, { env });
};

/** Open event streams of the broker. */
async function streams(): Promise<number> {
  const response = await fetch(`${broker.url}/health`, { headers: { authorization: `Bearer ${broker.token}` } });
  return ((await response.json()) as { streams: number }).streams;
}

/** The addresses of the test lead to this broker. */
const ways = () => ({ CCT_FORWARDED_TO: new URL(broker.url).host });

/** Three proxies to one broker stand for three brokers with one database. */
const threeWays = (): Promise<Link[]> => Promise.all([1, 2, 3].map(() => startProxy(broker.url)));

// Not concurrent: it counts the broker's streams.
inTurn(
  "while brokers die one after the other, every message of two sessions arrives, and duplicates are marked",
  async () => {
    const links = await threeWays();
    const env = { CCT_BROKER: links.map(({ url }) => url).join(","), ...ways() };
    const [here, there] = [machine(), machine()];
    const [ann, ben] = await Promise.all([startHost(here, "ann", { env }), startHost(there, "ben", { env })]);
    await Promise.all([ann.ready(), ben.ready()]);
    await ben.hook("UserPromptSubmit", {});

    const sent: string[] = [];
    const seen: { text: string; redelivered: boolean }[] = [];
    async function say(text: string): Promise<void> {
      const message_id = `say-${text.replace(" ", "-")}`;
      // A machine that stands still for seconds while a broker dies makes the tool give up: then the model repeats the call.
      await until(`${text} is sent`, async () => {
        const { isError, text: said } = await ann.tool("cct_send_message", { to: "ben", text, message_id });
        if (isError) expect(said).toContain(`with message_id '${message_id}'`);
        return !isError;
      });
      sent.push(text);
    }
    async function look(): Promise<void> {
      const { isError, structured } = await ben.tool("cct_check_messages");
      // A check whose answer was lost: its messages come again, marked.
      if (!isError) seen.push(...(structured.messages as typeof seen));
    }
    let over = false;
    const talking = (async () => {
      for (let i = 0; !over; i++) await say(`word ${i}`);
    })();
    const looking = (async () => {
      while (!over) await look();
    })();

    const enough = (more: number): Promise<unknown> => {
      const from = { sent: sent.length, seen: seen.length };
      return until("both go on", () => sent.length > from.sent + more && seen.length > from.seen + more);
    };
    await enough(5);
    for (const way of links) {
      // At least two brokers always work.
      way.cut();
      await enough(5);
      await until("both listen, elsewhere", async () => (await streams()) === 2);
      way.back();
    }
    over = true;
    await Promise.all([talking, looking]);

    await until("all have arrived", async () => {
      // Messages of a check whose answer was lost come again after their lease.
      clock.forward(10_000);
      await look();
      return sent.every((text) => seen.some((one) => one.text === text));
    });
    for (const text of sent) {
      const [, ...again] = seen.filter((one) => one.text === text);
      expect(again.every((one) => one.redelivered)).toBe(true);
    }
  },
);

test("with two of three brokers down, all commands work, and status and doctor name the two", async () => {
  const links = await threeWays();
  const [a, b, c] = links.map(({ url }) => url);
  for (const way of links.slice(0, 2)) way.cut();
  const home = machine();
  const run = person(home, `${a},${b},${c}`);
  const told = await ok(broker, "register", { name: "told", host: "h", cwd: "/", claude_pid: 1, held: [] });
  const each = ["one", "two", "three"].map(async (text) => success(await run("send", told.peer_id, text)));
  await Promise.all(each);
  const { messages } = await ok(broker, "messages", { peer: told.peer_id });
  expect(messages.map((one) => one.text).sort()).toEqual(["one", "three", "two"]);

  const status = success(await run("status"));
  expect(status).toContain(`\nbroker   ${c}\n`);
  for (const gone of [a, b]) expect(status).toMatch(new RegExp(`\nor {7}${gone} \\(.*broke`));
  const { broker: used, brokers } = JSON.parse(success(await run("status", "--json")));
  expect(used).toBe(c);
  expect(brokers).toMatchObject([
    { url: a, up: false },
    { url: b, up: false },
    { url: c, up: true },
  ]);
  const { findings } = JSON.parse((await run("doctor", "--json")).stdout);
  expect(findings).toContainEqual({
    check: `broker ${a}`,
    verdict: "warning",
    found: expect.stringContaining("broke"),
  });
  expect(findings).toContainEqual({
    check: "settings",
    verdict: "ok",
    found: expect.stringContaining(`broker ${a} or ${b} or ${c}`),
  });
  links[2]?.cut();
  expect(failure(await run("status"))).toContain(`No broker answers at ${a} or ${b} or ${c}`);
});

test("the command sets, shows and unsets a list of addresses", async () => {
  const home = tempHome();
  const env = { PATH: process.env.PATH, HOME: join(home, ".."), CCT_HOME: home };
  const run = (...words: string[]) => cct(["config", ...words], { env });
  expect(success(await run("set", "broker", "http://studio, loft:7000"))).toMatch(/Plain HTTP: anyone/);
  expect(success(await run("show"))).toMatch(/\nbroker +http:\/\/studio:7888,https:\/\/loft:7000 /);
  const { settings } = JSON.parse(success(await run("show", "--json")));
  expect(settings.broker.value).toEqual(["http://studio:7888", "https://loft:7000"]);
  expect(wrongUsage(await run("set", "broker", "loft,no no"))).toContain("'no no': not a host");
  success(await run("set", "broker"));
  expect(JSON.parse(success(await run("show", "--json"))).settings.broker.value).toBe(null);
});

test("a broker without its database keeps its sessions: they report it, keep listening, and continue when it is back", async () => {
  const unwell = await startUnwell(broker.url);
  const home = machine();
  const eve = await startHost(home, "eve", { env: { CCT_BROKER: unwell.url, ...ways() } });
  await eve.ready();
  await until("she stands there", async () => /^CCT:[0-9a-f]{4}/.test(await line(home, eve)));
  const opened = () => unwell.asked.filter((path) => path === "/events").length;
  await until("she listens", () => opened() > 0);
  const listening = opened();
  const beats = () => unwell.asked.filter((path) => path === "/api/heartbeat").length;
  const before = beats();
  unwell.notNow(true);
  const { isError, text } = await eve.tool("cct_send_message", { to: "eve", text: "now?" });
  expect(isError).toBe(true);
  expect(text).toContain("The database is away.");
  // Her next heartbeat finds it out too.
  await eve.hook("UserPromptSubmit", {});
  await until("her status line says so", async () => (await line(home, eve)) === "CCT:off");
  // Normally a heartbeat comes every ten seconds.
  await until("she asks again and again", () => beats() > before + 3);
  unwell.notNow(false);
  await until("she is back", async () => (await line(home, eve)) !== "CCT:off");
  await ok(broker, "send_message", { to: "eve", text: "at last" });
  await until("mail comes", async () => (await eve.mail()).includes("at last"));
  expect(opened()).toBe(listening);
});

const severalRecords = "one name with several addresses, of which only one has a broker, with and without TLS";
inTurn.skipIf(!canMount() && notRun(severalRecords, "no mount namespaces"))(severalRecords, async () => {
  const open = await startBroker({ env: { CCT_HOST: "0.0.0.0" } });
  const way = new URL((await startProxy(open.url, "127.0.0.2")).url);
  const hosts = join(tempFolder(), "hosts");
  // In any order, one of the others refuses.
  writeFileSync(hosts, ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map((address) => `${address} localhost\n`).join(""));
  const { token } = await ok(open, "add_device", { name: "other" });
  const fingerprint = fingerprintOf(readFileSync(join(open.home, "broker.crt"), "utf8"));
  const env = { PATH: process.env.PATH, HOME: tempFolder(), CCT_HOME: tempHome(), CCT_TOKEN: token };
  const within = (command: string[]): string[] => withHosts(hosts, command).flat();
  for (const more of [
    { CCT_BROKER: `http://localhost:${way.port}`, CCT_FORWARDED_TO: new URL(open.url).host },
    { CCT_BROKER: `https://localhost:${way.port}`, CCT_FINGERPRINT: `${"0".repeat(64)},${fingerprint}` },
  ]) {
    expect(success(await cct(["peers"], { env: { ...env, ...more }, within }))).toMatch(/No peer/);
  }
  const wrong = { ...env, CCT_BROKER: `https://127.0.0.2:${way.port}`, CCT_FINGERPRINT: "0".repeat(64) };
  expect(failure(await cct(["peers"], { env: wrong }))).toMatch(/certificate differs/);
});
