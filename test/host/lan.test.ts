/**
 * Three machines, as three linked network namespaces: ann's with the broker, ben's with the real Claude Code, and a
 * stranger's. They share nothing but the network.
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { operations } from "../../src/operations/index.ts";
import { forFile } from "../support/cleanup.ts";
import { testClock } from "../support/clock.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { root } from "./needs.ts";
import { type Network, openNetwork } from "./network.ts";
import { placeOf, timesIn, toolResults, wakes } from "./requests.ts";
import { say, cct as tool, use } from "./script.ts";
import type { Session } from "./session.ts";
import { hostTest, newWord, onStage, stage } from "./stage.ts";
import { pause, until } from "./wait.ts";

const PORT = 7888;
const clock = testClock();

interface Machine {
  network: Network;
  home: string;
  env: Record<string, string>;
}

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

let folder = "";
let ann: Machine;
let stranger: Machine;
/** The session server of a session at ann's machine, under a stand-in for the host. */
let annSession: TestHost;
/** The real Claude Code at ben's machine. */
let ben: Session;
const open: Network[] = [];

function run(machine: Machine, command: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const [program, args] = machine.network.within(command);
  return new Promise((resolve) => {
    const child = execFile(program, args, { env: { ...machine.env, ...env } }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

const cct = (machine: Machine, ...words: string[]): Promise<Ran> =>
  run(machine, [process.execPath, join(root, "dist/bin.js"), ...words]);

/** The command at ben's machine, where Claude Code is. */
const atBen = (...words: string[]) => stage().cct(...words);

async function newMachine(name: string, more: Record<string, string> = {}): Promise<Machine> {
  const home = join(folder, name, "cct home");
  mkdirSync(join(folder, name), { recursive: true });
  const network = await openNetwork(needsOf());
  open.push(network);
  const env = { PATH: process.env.PATH ?? "", HOME: join(folder, name), CCT_HOME: home, ...more };
  return { network, home, env };
}

/** How networks are made here is the stage's knowledge. */
const needsOf = () => stage().needs;

/** Lays a cable between two machines; the first has .1, the second .2. */
function cable(a: Network, b: Network, net: string, name: string): void {
  const within = (network: Network, words: string): void => {
    const [program, args] = network.within(words.split(" "));
    execFileSync(program, args, { stdio: "pipe" });
  };
  within(a, `ip link add ${name} type veth peer name to-ann netns ${b.pid}`);
  within(a, `ip addr add ${net}.1/24 dev ${name}`);
  within(a, `ip link set ${name} up`);
  within(b, `ip addr add ${net}.2/24 dev to-ann`);
  within(b, "ip link set to-ann up");
}

const link = (state: "up" | "down"): Promise<Ran> => run(ann, ["ip", "link", "set", "to-ben", state]);

onStage(async (stage) => {
  folder = mkdtempSync(join(tmpdir(), "cct-lan-"));
  await stage.cct("kill");
  ann = await newMachine("ann", clock.env);
  stranger = await newMachine("stranger");
  cable(ann.network, stage.network, "10.77.1", "to-ben");
  cable(ann.network, stranger.network, "10.77.2", "to-stranger");
});

afterAll(async () => {
  if (annSession) annSession.kill("SIGKILL");
  if (ann) await cct(ann, "kill");
  for (const network of open) await network.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
});

const joinString = async (...words: string[]): Promise<string> => {
  const ran = await cct(ann, ...words, "--json");
  if (ran.code !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout).join;
};

hostTest("a join string from lan-start works once, and only within 15 minutes", async () => {
  const word = await joinString("lan-start");
  const joined = await atBen("join", word, "--name", "ben's laptop");
  expect(joined.stderr).toBe("");
  expect(joined.stdout).toMatch(/joined: 0 peers, 0 pools on \S+@\S+ \(https:\/\/10\.77\.1\.1:7888\)/);

  const replayed = await cct(stranger, "join", word, "--no-install");
  expect(replayed.stderr).toMatch(/already used, or is older than 15 minutes/);
  const late = await joinString("device", "invite");
  clock.forward(15 * 60_000 + 1_000);
  expect((await cct(stranger, "join", late, "--no-install")).stderr).toMatch(/older than 15 minutes/);
  expect((await cct(stranger, "peers")).code).toBe(1);
  expect((await cct(ann, "device", "list")).stdout).toMatch(/ben-s-laptop +\w+ +post/);
});

hostTest("without a token every route answers 401, and /health says only that a broker runs", async () => {
  const paths = ["/", "/events", "/metrics", ...operations.map(({ name }) => `/api/${name}`)];
  const ask = `
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    // Side by side: answers to wrong credentials come slowly.
    const answers = await Promise.all(${JSON.stringify(paths)}.map(async (path) => {
      const init = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
      return (await fetch("https://10.77.2.1:${PORT}" + path, init)).status;
    }));
    const health = await fetch("https://10.77.2.1:${PORT}/health");
    console.log(JSON.stringify({ answers, health: [health.status, await health.text()] }));`;
  const ran = await run(stranger, [process.execPath, "--no-warnings", "--input-type=module", "-e", ask]);
  const { answers, health } = JSON.parse(ran.stdout);
  expect(new Set(answers)).toEqual(new Set([401]));
  expect(answers).toHaveLength(paths.length);
  expect(health).toEqual([200, '{"ok":true}']);

  // The home's own token opens nothing from elsewhere, and without TLS nobody is listened to.
  const token = (await run(ann, ["cat", join(ann.home, "token")])).stdout.trim();
  const outside = { CCT_BROKER: "https://10.77.2.1:7888", CCT_TOKEN: token };
  const known = {
    ...outside,
    CCT_FINGERPRINT: JSON.parse((await cct(ann, "status", "--json")).stdout).lan.fingerprint,
  };
  const peers = [process.execPath, join(root, "dist/bin.js"), "peers"];
  expect((await run(stranger, peers, known)).stderr).toMatch(/token is missing or wrong/);
  expect((await run(stranger, peers, outside)).stderr).toMatch(/certificate that this machine does not trust/);
  expect((await run(stranger, peers, { ...known, CCT_BROKER: "http://10.77.2.1:7888" })).stderr).toMatch(/speaks TLS/);
});

hostTest("sessions on both machines see each other, and mail wakes the real Claude Code on the other", async () => {
  annSession = await forFile(() => startHost(ann.home, "ann", { env: ann.env, within: ann.network.within }));
  await annSession.ready();
  ben = await stage().start("ben");
  const word = newWord("hello");
  const sent = await annSession.tool("cct_send_message", { to: "ben", text: word });
  expect(sent.isError).toBe(false);
  const woken = await ben.given(word);
  expect(placeOf(woken, word)?.text).toContain("ann");
  await ben.turnOver();
  expect(wakes(ben.last())).toBe(1);

  const answer = newWord("answer");
  expect((await ben.send({ to: "ann", text: answer })).map(({ failed }) => failed)).toEqual([false]);
  await annSession.mail();
  expect((await annSession.given("PreToolUse", { tool_name: "Bash", tool_input: {} })).stdout).toContain(answer);
});

hostTest("pools and votes work across machines", async () => {
  const purpose = newWord("purpose");
  await annSession.tool("cct_create_pool", { name: "crew", purpose });
  expect((await annSession.tool("cct_invite_to_pool", { pool: "crew", peer: "ben" })).isError).toBe(false);
  await ben.given(purpose);
  await ben.turnOver();
  const proposed = await annSession.tool("cct_propose_release", { pool: "crew", peer: "ben", reason: "it is done" });
  expect(proposed.isError, proposed.text).toBe(false);
  const before = toolResults(ben.last()).length;
  await ben.play(use(tool("pool_status", { pool: "crew" })), say("seen"));
  await ben.turnOver();
  expect(toolResults(ben.last()).slice(before)[0]?.text).toContain("it is done");
  const { proposal_id } = proposed.structured;
  await ben.play(use(tool("vote_release", { proposal_id, vote: "yes" })), say("voted"));
  await ben.turnOver();
  const voted = await annSession.tool("cct_vote_release", { proposal_id, vote: "yes" });
  expect(`${voted.text} ${(await cct(ann, "pool", "status", "crew")).stdout}`).toMatch(/passed|released/);
});

hostTest(
  "a link that is down for a minute loses and duplicates nothing, and a send over it fails",
  async () => {
    const words = Array.from({ length: 5 }, () => newWord("gap"));
    await link("down");
    const outUntil = Date.now() + 60_000;
    for (const text of words) {
      const sent = await annSession.tool("cct_send_message", { to: "ben", text });
      expect(sent.isError, sent.text).toBe(false);
    }
    const [refused] = await ben.send({ to: "ann", text: "into the void" });
    expect(refused?.failed, refused?.text).toBe(true);
    await pause(outUntil - Date.now());
    await link("up");
    for (const word of words) await ben.given(word);
    await ben.turnOver();
    for (const word of words) expect(timesIn(ben.last(), word), word).toBe(1);
  },
  600,
);

hostTest("another broker at the same address, with another certificate, is refused", async () => {
  const impostor = await newMachine("impostor");
  // In ann's network, at ann's address, while ann's broker is away.
  impostor.network = ann.network;
  await cct(ann, "kill");
  expect((await cct(impostor, "lan-start")).code).toBe(0);
  const refused = await atBen("peers");
  expect(refused.stderr).toMatch(/is not the broker that this machine joined: its certificate differs/);
  await cct(impostor, "kill");
  expect((await cct(ann, "start")).code).toBe(0);
  await until("ben is there again", async () => (await cct(ann, "peers")).stdout.includes("ben"));
});

hostTest("a revoked machine loses access, and its sessions are offline", async () => {
  const streams = async (): Promise<number> => JSON.parse((await cct(ann, "status", "--json")).stdout).streams;
  await until("both sessions listen", async () => (await streams()) === 2);
  expect((await cct(ann, "device", "revoke", "ben-s-laptop")).stdout).toBe("Revoked ben-s-laptop.\n");
  await until("its stream has ended", async () => (await streams()) === 1);
  expect((await atBen("peers")).stderr).toMatch(/token is missing or wrong.*revoked/);
  expect((await cct(ann, "peers", "--all")).stdout).toMatch(/ben +offline/);
});
