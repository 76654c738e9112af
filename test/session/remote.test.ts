/** Sessions with a broker on another machine: names, slow, broken and dead connections, and a broker that is away. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { LEASE_MS } from "../../src/rules/presence.ts";
import { AGAIN } from "../../src/rules/texts/frames.ts";
import { runCommand } from "../hooks/hook.ts";
import { script } from "../statusline/line.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { type TestClock, testClock } from "../support/clock.ts";
import { tempFolder, tempHome } from "../support/folders.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { type Link, startProxy } from "../support/proxy.ts";
import { until } from "../support/wait.ts";

/** The broker's. */
const clock = testClock();
let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker({ clock });
});

interface Machine {
  home: string;
  env: Record<string, string>;
  proxy: Link;
  /** The clock of its sessions. */
  clock: TestClock;
}

/** A home on a machine of that name, with the broker's token and a link of its own. */
async function machine(hostname: string): Promise<Machine> {
  const [home, clock] = [tempHome(), testClock()];
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, "token"), broker.token, { mode: 0o600 });
  const preload = join(tempFolder(), "hostname.mjs");
  const code = `import os from "node:os";
import { syncBuiltinESMExports } from "node:module";
os.hostname = () => ${JSON.stringify(hostname)};
syncBuiltinESMExports();
`;
  writeFileSync(preload, code);
  const proxy = await startProxy(broker.url);
  const options = `${clock.env.NODE_OPTIONS} --import=${pathToFileURL(preload).href}`;
  return { home, proxy, clock, env: { CCT_BROKER: proxy.url, ...proxy.env, NODE_OPTIONS: options } };
}

async function line(home: string, host: TestHost): Promise<string> {
  const env = { PATH: process.env.PATH, CCT_HOME: home, CLAUDE_PID: String(host.pid) };
  return (await runCommand(["bash", script], env, "{}")).stdout.trimEnd();
}

const presenceOf = async (name: string): Promise<string | undefined> =>
  (await ok(broker, "list_peers", {})).peers.find((peer) => peer.name === name)?.presence;

test("sessions on several machines see and reach each other as name@host", async () => {
  const [studio, loft] = [await machine("Studio.local"), await machine("Ann's Loft")];
  const ann = await startHost(studio.home, "ann", { env: studio.env });
  const sue = await startHost(studio.home, "sue", { env: studio.env });
  const ben = await startHost(loft.home, "ben", { env: loft.env });
  await Promise.all([ann.ready(), sue.ready(), ben.ready()]);
  const { structured } = await ann.tool("cct_list_peers");
  const seen = structured.peers as { name: string; host: string; address?: string }[];
  const of = (name: string) => seen.find((peer) => peer.name === name);
  expect(of("ben")).toMatchObject({ host: "ann-s-loft", address: "ben@ann-s-loft" });
  expect(of("sue")).toMatchObject({ host: "studio.local" });
  expect(of("sue")).not.toHaveProperty("address");
  const near = await ann.tool("cct_list_peers", { scope: "machine" });
  expect((near.structured.peers as { name: string }[]).map((peer) => peer.name).sort()).toEqual(["ann", "sue"]);

  const sent = await ann.tool("cct_send_message", { to: "ben@ANN-S-LOFT", text: "from afar" });
  expect(sent.structured).toMatchObject({ recipients: [{ name: "ben", address: "ben@ann-s-loft" }] });
  expect(sent.text).toContain("queued for ben@ann-s-loft: idle");
  expect(await ben.mail()).toMatch(/CCT mail · ann@studio\.local \([0-9a-f]{4}\)/);
  await ann.tool("cct_send_message", { to: "sue", text: "from near" });
  expect(await sue.mail()).toMatch(/CCT mail · ann \(/);
  const wrong = await ann.tool("cct_send_message", { to: "ben@studio.local", text: "nobody's" });
  expect(wrong).toMatchObject({ isError: true });
  expect(wrong.text).toContain("That name is on another machine: ben@ann-s-loft");

  await ann.tool("cct_create_pool", { name: "far", purpose: "work" });
  await ann.tool("cct_invite_to_pool", { pool: "far", peer: "ben@ann-s-loft" });
  await ann.tool("cct_send_message", { to: "@far/ben@ann-s-loft", text: "inside the pool" });
  await until("it is there", async () => (await ben.mail()).includes("inside the pool"));
  const status = await ben.tool("cct_pool_status", { pool: "far" });
  expect(status.structured.members).toMatchObject([{ address: "ann@studio.local" }, { name: "ben" }]);
});

test("a session that starts while its remote broker is away works at once, starts no broker, and registers later", async () => {
  const { home, env, proxy, clock: its } = await machine("studio");
  proxy.cut();
  // It answers its host before anything else, without having heard of the broker.
  const cat = await startHost(home, "cat", { env });
  await until("the status line says so", async () => (await line(home, cat)) === "CCT:off");
  const unsent = await cat.tool("cct_send_message", { to: "ann", text: "into the void" });
  expect(unsent.isError).toBe(true);
  expect(unsent.text).toMatch(/not sent, and nothing keeps it/);
  expect(existsSync(join(home, "broker.json"))).toBe(false);
  expect(existsSync(join(home, "cct.db"))).toBe(false);
  proxy.back();
  await its.passUntil("she is there", async () => (await presenceOf("cat")) === "idle");
});

test("a silently dead connection is noticed, hooks continue, and after an hour nothing is lost or shown twice", async () => {
  const { home, env, proxy, clock: its } = await machine("studio");
  const dan = await startHost(home, "dan", { env });
  await dan.ready();
  await dan.hook("UserPromptSubmit", {});
  const ids: string[] = [];
  for (const text of ["one", "two"]) ids.push((await ok(broker, "send_message", { to: "dan", text })).message_id);
  await until("both lie in the spool", async () => /\| one[\s\S]*\| two/.test(await dan.mail()));
  proxy.blackHole();
  // A session on another machine counts as offline after 45 s without a heartbeat.
  clock.forward(46_000);
  await until("it counts as offline", async () => (await presenceOf("dan")) === "offline");
  clock.forward(3_600_000);
  const later = await ok(broker, "send_message", { to: "dan", text: "three" });
  await until("its claims have lapsed", async () => {
    const { recipients } = await ok(broker, "message_status", { message_id: ids[0] ?? "" });
    return recipients[0]?.state === "queued";
  });
  const shown = await dan.given("PreToolUse", { tool_name: "Bash" });
  expect(shown.stdout).toMatch(/\| one.*\| two/);
  // The next beat comes within 10 s, and gives up 15 s later: less than the 40 s after which the stream does.
  await its.passUntil("the status line says so", async () => (await line(home, dan)) === "CCT:off");
  proxy.back();
  // Requests on the dead connection time out after 15 s. Mail that is being rewritten comes with the next hook.
  let next = "";
  await its.passUntil("the mail of that hour is shown", async () => {
    if (existsSync(join(dan.spool, "mail"))) next += (await dan.hook("PreToolUse", { tool_name: "Bash" })).stdout;
    return next.includes("three");
  });
  expect(next).not.toMatch(/\| one|\| two/);
  await dan.hook("Stop");
  for (const message_id of [...ids, later.message_id]) {
    const state = async () => (await ok(broker, "message_status", { message_id })).recipients[0]?.state;
    await until("it is read", async () => (await state()) === "read");
  }
});

test("mail in the spool while the broker is away for an hour is shown once, and first", async () => {
  const { home, env, proxy } = await machine("studio");
  const eve = await startHost(home, "eve", { env });
  await eve.ready();
  await eve.hook("UserPromptSubmit", {});
  const first = await ok(broker, "send_message", { to: "eve", text: "before" });
  await eve.mail();
  proxy.cut();
  clock.forward(3_600_000);
  const state = async () => (await ok(broker, "message_status", { message_id: first.message_id })).recipients[0]?.state;
  await until("its claim has lapsed", async () => {
    // A heartbeat that was on its way when the link was cut has renewed it.
    clock.forward(LEASE_MS);
    return (await state()) === "queued";
  });
  await ok(broker, "send_message", { to: "eve", text: "meanwhile" });
  proxy.back();
  const mail = await until("both are there", async () => {
    const lying = await eve.mail();
    return lying.includes("| meanwhile") && lying;
  });
  const [, , ...plain] = mail.split("\n");
  expect(plain.filter((one) => one === "| before")).toHaveLength(1);
  expect(mail).not.toContain(AGAIN);
  const { stdout } = await eve.given("PreToolUse", { tool_name: "Bash" });
  expect(stdout).toMatch(/before.*meanwhile/);
});
