/** Sessions of other agents than Claude Code: what they tell about themselves, and what the earlier field names still do. */
import { expect, test } from "vitest";
import { ok, refused } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { openFeed } from "../support/feed.ts";
import { allMessages, newMessageId, newPeer, place } from "../support/peers.ts";

const CODEX = { agent: "Codex", wakes: false, midturn: false };

test("a session says which agent it is and what mail can do with it, and may say something else later", async () => {
  const broker = await startBroker({ clock: testClock() });
  const [cody, anne] = [await newPeer(broker, "cody", CODEX), await newPeer(broker, "anne")];
  const rows = async () => [
    ...(await ok(broker, "list_peers", { all: true }, anne)).peers,
    ...(await ok(broker, "overview", {})).peers,
  ];
  const said = async (name: string) =>
    (await rows()).flatMap(({ name: its, agent, wakes, midturn }) => (its === name ? [{ agent, wakes, midturn }] : []));
  const twice = <T>(one: T): T[] => [one, one];
  expect(await said("cody")).toEqual(twice({ agent: "codex", wakes: false, midturn: false }));
  expect(await said("anne")).toEqual(twice({}));

  const beat = { host_pid: cody.place.host_pid, held: [] };
  await ok(broker, "heartbeat", { ...beat, midturn: true }, cody);
  expect(await said("cody")).toEqual(twice({ agent: "codex", wakes: false }));
  await ok(broker, "heartbeat", { ...beat, agent: "gemini", wakes: true }, cody);
  expect(await said("cody")).toEqual(twice({ agent: "gemini" }));
  await ok(broker, "heartbeat", beat, cody);
  expect(await said("cody")).toEqual(twice({ agent: "gemini" }));

  // Away it has no abilities, and is still what it is. Another session of the peer is what it says itself, without a word claude.
  await ok(broker, "heartbeat", { ...beat, ...CODEX }, cody);
  await ok(broker, "unregister", { host_pid: cody.place.host_pid }, cody);
  expect(await said("cody")).toEqual(twice({ agent: "codex" }));
  await ok(broker, "register", place(), cody);
  expect(await said("cody")).toEqual(twice({}));
});

test("people learn at once that a session is of another agent or can do something else", async () => {
  const broker = await startBroker();
  const cody = await newPeer(broker, "cody", CODEX);
  const feed = await openFeed(broker);
  const isTold = (
    what: string,
    like: (row: { agent?: string | undefined; midturn?: boolean | undefined }) => boolean,
  ) => feed.find(what, ({ peers = [] }) => peers.some(like));
  const beat = { host_pid: cody.place.host_pid, held: [] };
  await ok(broker, "heartbeat", { ...beat, midturn: true }, cody);
  await isTold("that mail reaches it", ({ agent, midturn }) => agent === "codex" && midturn === undefined);
  await ok(broker, "heartbeat", { ...beat, agent: "gemini" }, cody);
  await isTold("which agent it is", ({ agent }) => agent === "gemini");
});

test("names of agents have the shape of names", async () => {
  const broker = await startBroker();
  for (const agent of ["", "a b", "-x", "x".repeat(33), "a\nb", "ünï", "(codex)"]) {
    const { status, message } = await refused(broker, "register", place({ agent }));
    expect([status, message], agent).toEqual([400, expect.stringContaining("agent")]);
  }
  for (const agent of ["x", "x".repeat(32), "a.b-c_d", "7"]) await ok(broker, "register", place({ agent }));
});

test("a session server that started before an upgrade calls the host's process claude_pid, and works on", async () => {
  const broker = await startBroker();
  const { host_pid: claude_pid, ...where } = place();
  const { peer_id, secret = "" } = await ok(broker, "register", { ...where, claude_pid, name: "old" });
  const old = { peer_id, secret };
  await ok(broker, "heartbeat", { claude_pid, held: [], presence: "active" }, old);
  expect((await ok(broker, "list_peers", {}, old)).peers).toMatchObject([{ name: "old", presence: "active" }]);
  // Its successor is the same process, whatever it calls that.
  await ok(broker, "register", { ...where, host_pid: claude_pid }, old);
  await ok(broker, "heartbeat", { host_pid: claude_pid, held: [] }, old);
  const other = await refused(broker, "heartbeat", { claude_pid: claude_pid + 1, held: [] }, old);
  expect(other).toMatchObject({ code: "conflict" });
  expect(await ok(broker, "unregister", { claude_pid: claude_pid + 1 }, old)).toEqual({ ended: false });
  expect(await ok(broker, "unregister", { claude_pid }, old)).toEqual({ ended: true });
});

test("the host's process is required", async () => {
  const broker = await startBroker();
  const { host_pid: _, ...where } = place();
  const ann = await newPeer(broker, "ann");
  const asked = [
    await refused(broker, "register", where),
    await refused(broker, "heartbeat", { held: [] }, ann),
    await refused(broker, "unregister", {}, ann),
  ];
  for (const error of asked) expect(error).toMatchObject({ status: 400, message: expect.stringContaining("host_pid") });
});

const GEMINI = { agent: "gemini", wakes: false };
const COPILOT = { agent: "copilot", midturn: false };
const OTHER = { agent: "other", wakes: false, midturn: false };

test("the answer to a send says when this agent takes mail, and of Claude Code what it always said", async () => {
  const broker = await startBroker({ clock: testClock() });
  const ann = await newPeer(broker, "ann");
  const agents = {
    gem: GEMINI,
    cop: COPILOT,
    plain: OTHER,
    cody: { agent: "codex" },
    claude: {},
    print: { wakes: false },
  };
  const peers = await Promise.all(
    Object.entries(agents).map(async ([name, more]) => ({ name, peer: await newPeer(broker, name, more) })),
  );
  const plain = peers.find(({ name }) => name === "plain");
  await ok(broker, "heartbeat", { host_pid: plain?.peer.place.host_pid, hooks: "quiet", held: [] }, plain?.peer);
  const notes = async (text: string) => {
    const all = [];
    for (const { name } of peers) {
      const { recipients } = await ok(broker, "send_message", { to: name, text }, ann);
      all.push(`${name}: ${recipients[0]?.note}`);
    }
    return all;
  };
  expect(await notes("first")).toEqual([
    "gem: gemini: takes mail at its next prompt; cannot be woken",
    "cop: idle and will be woken",
    "plain: other: takes mail when it asks",
    "cody: idle and will be woken",
    "claude: idle and will be woken",
    "print: idle and cannot be woken; gets it with its next tool call or prompt, if there is one",
  ]);
  for (const { peer } of peers)
    await ok(broker, "heartbeat", { host_pid: peer.place.host_pid, presence: "active", held: [] }, peer);
  expect(await notes("then")).toEqual([
    "gem: working, and gets it at its next tool call",
    "cop: copilot: takes mail when its turn ends",
    "plain: other: takes mail when it asks",
    "cody: working, and gets it at its next tool call",
    "claude: working, and gets it at its next tool call",
    "print: working, and gets it at its next tool call",
  ]);
});

test("mail that waits for a client without hooks needs nobody, as its model asks for it", async () => {
  const broker = await startBroker({ clock: testClock() });
  const [plain, gem] = [await newPeer(broker, "plain", OTHER), await newPeer(broker, "gem", GEMINI)];
  for (const peer of [plain, gem]) {
    await ok(broker, "heartbeat", { host_pid: peer.place.host_pid, hooks: "quiet", held: [] }, peer);
    await ok(broker, "send_message", { to: peer.name, text: "hello" });
  }
  const { needs } = await ok(broker, "attention", {});
  expect(needs.map(({ kind, name }) => [kind, name])).toEqual([["nohook", "gem"]]);
  // Its machine is another thing.
  await ok(broker, "heartbeat", { host_pid: plain.place.host_pid, hooks: "unwritable", held: [] }, plain);
  const all = (await ok(broker, "attention", {})).needs.map(({ name }) => name);
  expect(all.sort()).toEqual(["gem", "plain"]);
});

test("a name as lists show it is an address: what stands in brackets after it is left out", async () => {
  const broker = await startBroker();
  const [cody, ann] = [await newPeer(broker, "cody", { agent: "codex" }), await newPeer(broker, "ann")];
  const to = "cody (codex)";
  const message_id = newMessageId();
  const first = await ok(broker, "send_message", { to, text: "hello", message_id }, ann);
  expect(first.recipients).toMatchObject([{ peer_id: cody.peer_id, name: "cody" }]);
  expect(await ok(broker, "send_message", { to, text: "hello", message_id }, ann)).toEqual(first);
  expect(await allMessages(broker)).toMatchObject([{ to: "cody" }]);
  const { pool } = await ok(broker, "create_pool", { name: "front", purpose: "x" }, ann);
  await ok(broker, "invite_to_pool", { pool: pool.name, peer: to }, ann);
  const { recipients } = await ok(broker, "send_message", { to: "@front/cody (codex)", text: "and you" }, ann);
  expect(recipients).toMatchObject([{ peer_id: cody.peer_id }]);
  const error = await refused(broker, "send_message", { to: "nobody (codex)", text: "hello" }, ann);
  expect(error).toMatchObject({ code: "not_found" });
});
