/** A team at work: sessions on two machines, a pool, and one of each thing that needs a person. */
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";

export interface Scene {
  broker: TestBroker;
  web: TestPeer;
  api: TestPeer;
  tests: TestPeer;
  payments: TestPeer;
  ios: TestPeer;
}

const SHOP = "/home/ada/shop";

export async function playScene(broker?: TestBroker): Promise<Scene> {
  const at = broker ?? (await startBroker());
  const studio = (name: string, cwd: string, branch: string, summary: string) =>
    newPeer(at, name, { host: "studio", cwd, repo: cwd, branch, summary });
  const web = await studio("web", SHOP, "checkout-form", "Checkout form: address step done, now the card field");
  const api = await studio("api", SHOP, "orders-v2", "Orders API v2: idempotent POST /orders, migration 0031");
  const tests = await studio("tests", SHOP, "e2e", "End-to-end tests of the checkout");
  const payments = await studio("payments", "/home/ada/shop-payments", "3ds", "3-D Secure: waits for a permission");
  const place = { host: "mira-mbp", cwd: "/Users/mira/shop-ios", repo: "/Users/mira/shop-ios", branch: "pay" };
  const ios = await newPeer(at, "ios", { ...place, summary: "Apple Pay sheet, talks to orders v2" });
  for (const [peer, presence] of [
    [web, "active"],
    [tests, "idle"],
    [payments, "blocked"],
  ] as const) {
    const asks = presence === "blocked" && { blocked_on: { tool: "Bash", what: "npm run migrate -- --to 0031" } };
    await ok(at, "heartbeat", { host_pid: peer.place.host_pid, presence, held: [], ...asks }, peer);
  }
  stayAlive(at, web, api, tests, payments, ios);
  await ok(at, "set_busy", { reason: "the test suite", estimate_seconds: 600 }, api);
  await ok(at, "create_pool", { name: "checkout", purpose: "The new checkout: one form, one request" }, web);
  for (const peer of ["api", "tests", "payments"]) await ok(at, "invite_to_pool", { pool: "checkout", peer }, web);
  const say = (from: TestPeer, to: string, text: string) => ok(at, "send_message", { to, text }, from);
  const plan = await say(web, "@checkout", "I lead this one. Say so now if the order is wrong.");
  await ok(at, "send_message", { to: "@checkout", text: "Order is right.", reply_to: plan.message_id }, api);
  await say(web, "api", "When you are ready: GET /orders/:id lacks `eta`.");
  await say(web, "operator", "May the form remember the last address?");
  const release = { pool: "checkout", peer: "tests", reason: "e2e is green", deadline_seconds: 3600 };
  await ok(at, "propose_release", release, web);
  return { broker: at, web, api, tests, payments, ios };
}
