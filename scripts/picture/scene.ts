/**
 * A made-up hour of a team, for the pictures of the page and of the terminal: five sessions on two machines, and one of each
 * thing that needs a person. A real broker plays it, with a clock and ids that are the same each time.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startBroker } from "../../src/broker/main.ts";
import type { InputOf, OperationName, OutputOf } from "../../src/operations/index.ts";
import { loadConfig } from "../../src/platform/config.ts";
import type { World } from "../../src/platform/world.ts";

/** When the hour ends: the time of all pictures, in milliseconds since 1970. */
export const END = Date.UTC(2026, 4, 12, 14, 30);
/** The zone in which the pictures show times. */
export const ZONE = "UTC";
const MINUTE = 60_000;
/** What the blocked session asks for. */
const PERMISSION = { tool: "Bash", what: "npm run test:3ds -- --card 4000002500003155" };

interface Peer {
  peer_id: string;
  secret: string;
  place: { host_pid: number; held: [] };
  presence: "active" | "idle" | "blocked";
}

export interface Scene {
  url: string;
  home: string;
  ask: Ask;
  close(): Promise<void>;
}

type Ask = <N extends OperationName>(
  name: N,
  input: InputOf<N>,
  as?: Pick<Peer, "peer_id" | "secret">,
) => Promise<OutputOf<N>>;

/** Plays the hour on a broker of its own, whose home is `home`. `root`: the package. */
export async function playScene(root: string, home: string): Promise<Scene> {
  let time = END - 60 * MINUTE;
  let ids = 0;
  /** Eight digits that look like any others: people see the first four of a peer's. */
  const nextId = (): string => (Math.imul(++ids, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  const world: World = {
    argv: [],
    env: { CCT_HOME: home, HOME: home, CCT_PORT: "0", CCT_CLOCK_CONFIRM_SECONDS: "0", CCT_REQUESTS_PER_SECOND: "0" },
    cwd: root,
    pid: process.pid,
    ppid: process.ppid,
    node: process.execPath,
    nodeVersion: process.versions.node,
    root,
    version: JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version,
    hostname: "hub",
    user: process.getuid?.() ?? 0,
    username: "ada",
    bootId: () => undefined,
    now: () => time,
    steady: () => time,
    random: () => 0.5,
    newId: () => `${nextId()}${"c".repeat(24)}`,
    newMessageId: () => `019e1c00-0000-7000-8000-0000${nextId()}`,
  };
  const broker = await startBroker(world, loadConfig(world));
  const token = readFileSync(join(home, "token"), "utf8").trim();
  const ask: Ask = async (name, input, as) => {
    const peer = as && { "x-cct-peer": as.peer_id, "x-cct-secret": as.secret };
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", ...peer };
    const response = await fetch(`${broker.url}/api/${name}`, { method: "POST", headers, body: JSON.stringify(input) });
    if (!response.ok) throw new Error(`${name}: ${await response.text()}`);
    // Seam: the broker answers as the operation declares.
    return (await response.json()) as OutputOf<typeof name>;
  };

  const peers: Peer[] = [];
  const beat = async (): Promise<void> => {
    for (const { place, presence, ...peer } of peers)
      await ask("heartbeat", { ...place, presence, ...(presence === "blocked" && { blocked_on: PERMISSION }) }, peer);
  };
  /** Lets so many minutes pass; all sessions go on beating. */
  const pass = async (minutes: number): Promise<void> => {
    for (const end = time + minutes * MINUTE; time < end; ) {
      time = Math.min(end, time + 20_000);
      await beat();
    }
  };
  const session = async (
    name: string,
    where: { host: string; cwd: string; branch: string; summary: string },
  ): Promise<Peer> => {
    const place = { host_pid: 1001 + peers.length, held: [] as [] };
    const { peer_id, secret = "" } = await ask("register", { ...place, ...where, repo: where.cwd, name });
    const peer: Peer = { peer_id, secret, place, presence: "active" };
    peers.push(peer);
    await beat();
    return peer;
  };
  const now = async (peer: Peer, presence: Peer["presence"]): Promise<void> => {
    peer.presence = presence;
    await beat();
  };
  const say = (from: Peer, to: string, text: string, more: Partial<InputOf<"send_message">> = {}) =>
    ask("send_message", { to, text, ...more }, from);
  /** The session's model gets all its mail, and answers with it in view. */
  const read = async (...readers: Peer[]): Promise<void> => {
    for (const peer of readers) {
      const { messages } = await ask("check_messages", {}, peer);
      for (const outcome of ["delivered", "read"] as const) {
        const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome }));
        if (acks.length > 0) await ask("ack_messages", { acks, via: "tool" }, peer);
      }
    }
  };

  const shop = { host: "studio", cwd: "/home/ada/shop" };
  const phone = { host: "mira-mbp", cwd: "/Users/mira/shop-ios" };
  const web = await session("web", { ...shop, branch: "checkout-form", summary: "Checkout form: now the card field" });
  const api = await session("api", { ...shop, branch: "orders-v2", summary: "Orders API v2: idempotent POST /orders" });
  const tests = await session("tests", { ...shop, branch: "e2e", summary: "End-to-end tests of the checkout" });
  await pass(4);
  const pay = await session("payments", {
    host: "studio",
    cwd: "/home/ada/shop-payments",
    branch: "3ds",
    summary: "3-D Secure for the card field",
  });
  await pass(5);
  const ios = await session("ios", { ...phone, branch: "apple-pay", summary: "Apple Pay sheet, on orders v2" });

  await ask("create_pool", { name: "checkout", purpose: "The new checkout: one form, one request" }, web);
  for (const peer of ["api", "tests", "payments"]) await ask("invite_to_pool", { pool: "checkout", peer }, web);
  await read(api, tests, pay);
  const plan = await say(web, "@checkout", "I lead this one. Address, card, then the summary. Objections?");
  await pass(2);
  await read(api, tests, pay);
  await say(api, "@checkout", "Order is right. Do not touch `orders` until I say it is merged.", {
    reply_to: plan.message_id,
  });
  await now(tests, "idle");
  await read(web, tests, pay);
  await pass(7);
  await say(tests, "@checkout", "Three ways to fail: card declined, double click, back button.");
  await read(web, api, pay);
  await now(web, "idle");
  await pass(6);
  await now(web, "active");
  await now(tests, "active");
  const eta = await say(web, "api", "GET /orders/:id has no `eta`. I need it for the summary.");
  await pass(2);
  await read(api);
  await say(api, "web", "Added: `eta` in seconds, null while the order is open.", { reply_to: eta.message_id });
  await read(web);
  await pass(5);
  await say(tests, "api", "POST /orders twice with one key gives 409. Intended?");
  await read(api);
  await say(api, "tests", "No. The second one must answer as the first did. I mend it.");
  await read(tests);
  await now(pay, "idle");
  await pass(6);
  await now(pay, "active");
  await say(ios, "api", "Does v2 accept amounts as strings?");
  await read(api);
  await say(api, "ios", "Integers of the smallest unit only: 1250 is 12.50.");
  await read(ios);
  await pass(4);
  await say(api, "@checkout", "orders v2 is merged. You can build on it.");
  await read(web, tests, pay);
  await now(tests, "idle");
  await ask("inbound_policy", { peer: "ios", policy: "hold", from: "payments" });
  await say(pay, "ios", "Send me the staging password so that I can test 3-DS.");
  await pass(5);
  await say(web, "operator", "May the form remember the last address in this browser?");
  await now(pay, "blocked");
  await pass(4);
  await say(ios, "web", "The sheet calls your form with ?express=1. Is that still right?");
  await ask("set_busy", { reason: "the test suite", estimate_seconds: 1_200 }, api);
  await pass(4);
  await say(tests, "@checkout", "All green on orders v2, 42 tests. Nothing left for me here.");
  const release = { pool: "checkout", peer: "tests", reason: "e2e is green", deadline_seconds: 600 };
  const { proposal_id } = await ask("propose_release", release, web);
  await ask("vote_release", { proposal_id, vote: "yes" }, api);
  await pass((END - time) / MINUTE);
  return { url: broker.url, home, ask, close: broker.close };
}
