import { hostname } from "node:os";
import { beforeAll, describe, expect, test } from "vitest";
import { untilTurn } from "../../src/rules/presence.ts";
import { ok, refused, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { HOST, newPeer, place, type TestPeer } from "../support/peers.ts";
import { run } from "../support/process.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

describe("a session that registers", () => {
  test("gets an id, a name, and a secret that is shown once", async () => {
    const where = place();
    const first = await ok(broker, "register", { ...where, name: "My App" });
    expect(first).toEqual({
      peer_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      name: "my-app",
      secret: expect.stringMatching(/^[0-9a-f]{32}$/),
      waiting: 0,
    });
    const again = await ok(broker, "register", where, { peer_id: first.peer_id, secret: first.secret ?? "" });
    expect(again).toEqual({ peer_id: first.peer_id, name: "my-app", waiting: 0 });
  });

  test("gets another name when the wanted one is taken, ignoring case", async () => {
    const names = [];
    for (const name of ["twin", "TWIN", "Twin"]) names.push((await newPeer(broker, name)).name);
    expect(names).toEqual(["twin", "twin-2", "twin-3"]);
  });

  test("gets the lowest free number, even if other names have the same prefix", async () => {
    const first = await newPeer(broker, "twig");
    for (const name of ["twig.2", "twigs", "twig-x", "twig-3", "TWIG-2.b"]) await newPeer(broker, name);
    await ok(broker, "set_summary", { summary: "", name: "Twig" }, first);
    const names = [];
    for (let i = 0; i < 3; i++) names.push((await newPeer(broker, "twig")).name);
    expect(names).toEqual(["twig-2", "twig-4", "twig-5"]);
  });

  test("cannot be called operator", async () => {
    expect((await newPeer(broker, "operator")).name).not.toBe("operator");
  });

  test("gets a name of its own when many register at the same time", async () => {
    const all = await Promise.all(Array.from({ length: 30 }, () => newPeer(broker, "crowd")));
    expect(new Set(all.map((peer) => peer.name)).size).toBe(30);
    expect(new Set(all.map((peer) => peer.peer_id)).size).toBe(30);
  });

  test("in a new process becomes its offline peer again, and keeps its name", async () => {
    const peer = await newPeer(broker, "resumed");
    await ok(broker, "unregister", { host_pid: peer.place.host_pid }, peer);
    const elsewhere = place({ cwd: "/home/ann/new" });
    expect(await ok(broker, "register", elsewhere, peer)).toMatchObject({ peer_id: peer.peer_id, name: "resumed" });
    expect(await seen(peer.peer_id)).toMatchObject({ cwd: "/home/ann/new", presence: "idle" });
  });

  test("does not become the peer of another live session", async () => {
    const peer = await newPeer(broker, "held");
    const error = await refused(broker, "register", place(), peer);
    expect(error).toMatchObject({ status: 409, code: "conflict" });
    expect(error.message).toContain(String(peer.place.host_pid));
    expect(await seen(peer.peer_id)).toMatchObject({ cwd: peer.place.cwd, presence: "idle" });
  });

  test("does not become a peer whose secret is wrong", async () => {
    const peer = await newPeer(broker, "guarded");
    for (const secret of ["0".repeat(32), "", peer.peer_id]) {
      expect(await refused(broker, "register", place(), { ...peer, secret })).toMatchObject({ status: 401 });
    }
    expect(await refused(broker, "register", place(), { peer_id: "f".repeat(32), secret: peer.secret })).toMatchObject({
      status: 401,
    });
  });

  test("keeps its summary", async () => {
    const peer = await newPeer(broker, "writer");
    await ok(broker, "set_summary", { summary: "writes the docs" }, peer);
    await ok(broker, "register", { ...peer.place, summary: "on main" }, peer);
    expect((await seen(peer.peer_id)).summary).toBe("writes the docs");
  });
});

async function seen(peerId: string) {
  const { peers } = await ok(broker, "list_peers", { all: true });
  const found = peers.find((peer) => peer.peer_id === peerId);
  if (!found) throw new Error(`peer ${peerId} is not listed`);
  return found;
}

describe("a live session", () => {
  test("is shown as it last reported", async () => {
    const peer = await newPeer(broker, "lively");
    const beat = { host_pid: peer.place.host_pid, held: [] };
    await ok(broker, "heartbeat", { ...beat, presence: "active", branch: "feature" }, peer);
    expect(await seen(peer.peer_id)).toMatchObject({ presence: "active", branch: "feature" });
    await ok(broker, "heartbeat", { ...beat, presence: "idle" }, peer);
    expect(await seen(peer.peer_id)).toMatchObject({ presence: "idle", branch: "feature" });
    const before = (await seen(peer.peer_id)).last_seen;
    await ok(broker, "heartbeat", beat, peer);
    expect((await seen(peer.peer_id)).last_seen).toBeGreaterThanOrEqual(before);
  });

  test("is shown where it works now, with a summary of its repository while it has none of its own", async () => {
    const ann = await newPeer(broker, "mover");
    const beat = (where: object) => ok(broker, "heartbeat", { host_pid: ann.place.host_pid, held: [], ...where }, ann);
    const shown = async () => (await ok(broker, "list_peers", {}, ann)).peers.find((peer) => peer.you);
    await beat({ cwd: "/a/b", repo: "/a", branch: "x", remote: "r", summary: "on x" });
    expect(await shown()).toMatchObject({ cwd: "/a/b", repo: "/a", branch: "x", summary: "on x" });
    await beat({ branch: "y", summary: "on y" });
    expect(await shown()).toMatchObject({ cwd: "/a/b", repo: "/a", branch: "y", summary: "on y" });
    await beat({});
    expect(await shown()).toMatchObject({ cwd: "/a/b", branch: "y", summary: "on y" });
    await ok(broker, "set_summary", { summary: "mine" }, ann);
    await beat({ branch: null, summary: "detached" });
    expect(await shown()).toMatchObject({ branch: null, summary: "mine" });
    await ok(broker, "set_summary", { summary: "" }, ann);
    await beat({ cwd: "/c", repo: null, branch: null, remote: null, summary: "" });
    expect(await shown()).toMatchObject({ cwd: "/c", repo: null, branch: null, summary: "" });
  });

  test("gets its name and the amount of waiting mail", async () => {
    const peer = await newPeer(broker, "beaten");
    await ok(broker, "send_message", { to: "beaten", text: "one" });
    await ok(broker, "send_message", { to: "beaten", text: "two", urgency: "interrupt" });
    const beat = await ok(broker, "heartbeat", { host_pid: peer.place.host_pid, held: [] }, peer);
    expect(beat).toEqual({
      waiting: 2,
      interrupts: 1,
      name: "beaten",
      unread: 2,
      held: 0,
      may_wake: true,
      pools: [],
      presence: "idle",
      beat_ms: 10_000,
    });
  });

  /** The time of a broker's clock, which on PostgreSQL is the database's. */
  async function timeAt(at: TestBroker, other: TestPeer): Promise<number> {
    const { busy_until = 0 } = await ok(at, "set_busy", { reason: "the time", estimate_seconds: 60 }, other);
    return busy_until - 60_000;
  }

  /** The interval that a heartbeat is told, and whether that is until the peer's turn. */
  async function nextBeat(at: TestBroker, peer: TestPeer, interval: number, more: object) {
    const other = await newPeer(at, "other");
    const before = await timeAt(at, other);
    const beat = { host_pid: peer.place.host_pid, held: [], ...more };
    const { beat_ms: told = 0 } = await ok(at, "heartbeat", beat, peer);
    const after = await timeAt(at, other);
    // Told at some moment between the two.
    const late = (after + told - untilTurn(peer.peer_id, interval, 0)) % interval;
    return { told, isTurn: late <= after - before };
  }

  test("reports less often while it is idle and nothing waits for it", async () => {
    const peer = await newPeer(broker, "resting");
    const beat = (more: object = {}) => nextBeat(broker, peer, 30_000, more);
    expect(await beat({ presence: "active" })).toMatchObject({ told: 10_000 });
    expect(await beat({ presence: "idle" })).toMatchObject({ isTurn: true });
    await ok(broker, "send_message", { to: "resting", text: "one" });
    const { messages } = await ok(broker, "claim_messages", { limit: 1, budget: 8_000 }, peer);
    const held = messages.map(({ message_id, attempt }) => ({ message_id, attempt }));
    expect(await beat({ held })).toMatchObject({ told: 10_000 });
    await ok(broker, "ack_messages", { acks: held.map((one) => ({ ...one, outcome: "read" })) }, peer);
    expect(await beat()).toMatchObject({ isTurn: true });
    await ok(broker, "set_busy", { reason: "tests", estimate_seconds: 60 }, peer);
    expect(await beat()).toMatchObject({ told: 10_000 });
  });

  test("reports as often as the setting says while it is idle", async () => {
    const calm = await startBroker({ env: { CCT_IDLE_HEARTBEAT_SECONDS: "60" } });
    const peer = await newPeer(calm, "calm");
    const beat = (presence: "active" | "idle") => nextBeat(calm, peer, 60_000, { presence });
    expect(await beat("active")).toMatchObject({ told: 10_000 });
    expect(await beat("idle")).toMatchObject({ isTurn: true });
  });

  test("keeps its connection from one heartbeat to the next", async () => {
    for (const seconds of [30, 60]) {
      const at = await startBroker({ env: { CCT_IDLE_HEARTBEAT_SECONDS: String(seconds) } });
      const { headers } = await send(at, { method: "GET", path: "/health" });
      const [, kept] = /^timeout=(\d+)$/.exec(String(headers["keep-alive"])) ?? [];
      // The longest time until a turn, and ten seconds for a slow network.
      expect(Number(kept)).toBeGreaterThan(1.1 * seconds + 10);
    }
  });

  test("is told when another session has taken over its peer", async () => {
    const peer = await newPeer(broker, "superseded");
    await ok(broker, "unregister", { host_pid: peer.place.host_pid }, peer);
    await ok(broker, "register", place(), peer);
    const beat = { host_pid: peer.place.host_pid, held: [] };
    expect(await refused(broker, "heartbeat", beat, peer)).toMatchObject({ status: 409, code: "conflict" });
  });

  test("is offline when it says so, but not when an earlier session does", async () => {
    const peer = await newPeer(broker, "leaver");
    expect(await ok(broker, "unregister", { host_pid: 999_999 }, peer)).toEqual({ ended: false });
    expect((await seen(peer.peer_id)).presence).toBe("idle");
    expect(await ok(broker, "unregister", { host_pid: peer.place.host_pid }, peer)).toEqual({ ended: true });
    expect((await seen(peer.peer_id)).presence).toBe("offline");
  });

  test("is offline soon after its process on this machine has ended", async () => {
    const host = run("sleep", ["600"]);
    const peer = await newPeer(broker, "mortal", { host: hostname(), host_pid: host.pid });
    // A session on another machine with the same host name: its process ids mean nothing here.
    const { token } = await ok(broker, "add_device", { name: "another" });
    const namesake = await newPeer({ ...broker, token }, "namesake", { host: hostname(), host_pid: host.pid });
    expect((await seen(peer.peer_id)).presence).toBe("idle");
    await host.stop("SIGKILL");
    await until("the peer to be offline", async () => (await seen(peer.peer_id)).presence === "offline");
    expect((await seen(namesake.peer_id)).presence).toBe("idle");
  });
});

describe("the list of peers", () => {
  test("shows where each peer is, and marks the caller", async () => {
    const home = await startBroker();
    const a = await newPeer(home, "a", { cwd: "/src/app", repo: "/src/app", branch: "main", summary: "on main" });
    await newPeer(home, "b");
    const { peers } = await ok(home, "list_peers", {}, a);
    expect(peers.map((peer) => [peer.name, peer.you])).toEqual([
      ["a", true],
      ["b", false],
    ]);
    expect(peers[0]).toEqual({
      peer_id: a.peer_id,
      name: "a",
      host: HOST,
      cwd: "/src/app",
      repo: "/src/app",
      branch: "main",
      summary: "on main",
      presence: "idle",
      last_seen: expect.any(Number),
      pools: [],
      waiting: 0,
      you: true,
    });
    expect(JSON.stringify(peers)).not.toContain(a.secret);
    expect((await ok(home, "list_peers", {})).peers.some((peer) => peer.you)).toBe(false);
  });

  test("can be limited to the caller's machine or repository", async () => {
    const home = await startBroker();
    const remote = "git@example.org:app.git";
    const me = await newPeer(home, "me", { repo: "/src/app", remote });
    await newPeer(home, "clone", { host: "laptop", repo: "/home/app", remote });
    await newPeer(home, "neighbour", { repo: "/src/other" });
    await newPeer(home, "other-remote", { repo: "/src/app", remote: "git@example.org:other.git" });
    const names = async (scope: "all" | "machine" | "repo") =>
      (await ok(home, "list_peers", { scope }, me)).peers.map((peer) => peer.name);
    expect(await names("all")).toEqual(["me", "clone", "neighbour", "other-remote"]);
    expect(await names("machine")).toEqual(["me", "neighbour", "other-remote"]);
    expect(await names("repo")).toEqual(["me", "clone"]);
    expect(await refused(home, "list_peers", { scope: "repo" })).toMatchObject({ status: 400 });
    expect(await refused(home, "list_peers", { all: true, live: true })).toMatchObject({ status: 400 });
  });

  test("lists live peers before offline ones, with their waiting mail", async () => {
    const home = await startBroker();
    const gone = await newPeer(home, "gone");
    await newPeer(home, "there");
    await ok(home, "unregister", { host_pid: gone.place.host_pid }, gone);
    await ok(home, "send_message", { to: "gone", text: "for later" });
    const { peers } = await ok(home, "list_peers", { all: true });
    expect(peers.map(({ name, presence, waiting }) => ({ name, presence, waiting }))).toEqual([
      { name: "there", presence: "idle", waiting: 0 },
      { name: "gone", presence: "offline", waiting: 1 },
    ]);
  });
});
