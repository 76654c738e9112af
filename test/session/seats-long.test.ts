/** Seats through everything that can happen to them; what matters most is in `seats.test.ts`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive } from "../../src/platform/process.ts";
import { AGAIN } from "../../src/rules/texts/frames.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { newPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { away, end, nameOf, peersOf, pidmap, recordFiles, records, send, start, stateOf } from "./conversations.ts";

const NO_SEAT = { env: { CCT_TAKE_SEAT: "false" } };
const mailComes = (host: TestHost, text: string) =>
  until(`${text} comes`, async () => (await host.mail()).includes(text) && host.mail());
/** What the session's next turn shows it. */
const shown = async (host: TestHost): Promise<string> => (await host.given("UserPromptSubmit")).stdout;
const live = async (broker: TestBroker): Promise<string[]> =>
  (await peersOf(broker)).filter(({ presence }) => presence !== "offline").map(({ name }) => name);

test("a name that is given again and again stays the same, with the mail that waited, not marked", async () => {
  const broker = await startBroker();
  const first = await start(broker.home, "reviewer", "c-0");
  const peer = pidmap(broker.home, first);
  await end(broker, first);
  for (const round of [1, 2, 3]) {
    await send(broker, "reviewer", `please review ${round}`);
    const host = await start(broker.home, "reviewer", `c-${round}`);
    expect(pidmap(broker.home, host)).toBe(peer);
    const mail = await mailComes(host, `please review ${round}`);
    expect(mail).not.toContain(AGAIN);
    expect(await shown(host)).toContain(`please review ${round}`);
    await host.hook("Stop");
    await until("it is read", async () => (await stateOf(broker, `please review ${round}`))?.state === "read");
    const server = host.serverPid();
    // The second one does not end well.
    if (round === 2) host.kill("SIGKILL");
    await end(broker, host);
    // As long as it lives it may still fetch mail, which is marked for the next one.
    await until("its session server has ended", () => !isAlive(server));
  }
  expect(await peersOf(broker)).toEqual([{ name: "reviewer", presence: "offline" }]);
  expect(recordFiles(broker.home)).toHaveLength(1);
});

test("what the earlier conversation may have seen is marked for the next one", async () => {
  const broker = await startBroker();
  const first = await start(broker.home, "reviewer", "c-1");
  await send(broker, "reviewer", "shown, not answered");
  await first.mail();
  expect(await shown(first)).toContain("shown, not answered");
  await until("delivered", async () => (await stateOf(broker, "shown, not answered"))?.state === "delivered");
  first.kill("SIGKILL");
  await first.end();
  const next = await start(broker.home, "reviewer", "c-2");
  expect(await mailComes(next, "shown, not answered")).toContain(AGAIN);
});

test("while the seat is taken the newcomer is -2 and reads why; its number is a seat as well", async () => {
  const broker = await startBroker();
  const [one, two] = [await start(broker.home, "reviewer", "c-1"), await start(broker.home, "reviewer", "c-2")];
  expect([nameOf(broker.home, one), nameOf(broker.home, two)]).toEqual(["reviewer", "reviewer-2"]);
  expect(await shown(two)).toContain("because reviewer is a live session");
  const peer = pidmap(broker.home, two);
  await end(broker, two);
  await send(broker, "reviewer-2", "for the second");
  const again = await start(broker.home, "reviewer", "c-3");
  expect(pidmap(broker.home, again)).toBe(peer);
  await mailComes(again, "for the second");
  expect(await live(broker)).toEqual(["reviewer", "reviewer-2"]);
});

test("a seat stays empty where inheriting is off", async () => {
  const broker = await startBroker();
  await away(broker, "reviewer", "c-1");
  await send(broker, "reviewer", "for the first");
  const other = await start(broker.home, "reviewer", "c-2", NO_SEAT);
  expect(nameOf(broker.home, other)).toBe("reviewer-2");
  expect(await shown(other)).toContain("because reviewer is a peer that is away");
  expect(await stateOf(broker, "for the first")).toEqual({ state: "queued", redelivered: false });
  expect(nameOf(broker.home, await start(broker.home, "x", "c-1", NO_SEAT))).toBe("reviewer");
});

test("a resumed conversation and a newcomer: who sits in the seat keeps it, and the other gets a peer of its own", async () => {
  const broker = await startBroker();
  await away(broker, "reviewer", "c-old");
  const newcomer = await start(broker.home, "reviewer", "c-new");
  const peer = pidmap(broker.home, newcomer);
  await send(broker, "reviewer", "for who sits there");
  const resumed = await start(broker.home, "reviewer", "c-old");
  expect(nameOf(broker.home, resumed)).toBe("reviewer-2");
  expect(await shown(resumed)).toContain("because reviewer is a live session");
  await mailComes(newcomer, "for who sits there");
  for (const host of [newcomer, resumed]) await end(broker, host);

  // The conversation is reviewer-2 by now; the other one's later conversation finds the seat, by its own id.
  expect(nameOf(broker.home, await start(broker.home, "x", "c-old"))).toBe("reviewer-2");
  expect(pidmap(broker.home, await start(broker.home, "x", "c-new"))).toBe(peer);
});

test("a conversation that was in the seat comes back to it, whoever sat there in between", async () => {
  const broker = await startBroker();
  for (const session of ["c-1", "c-2", "c-3"]) await away(broker, "reviewer", session);
  const peer = records(broker.home).get("reviewer")?.peer_id;
  const back = await start(broker.home, "elsewhere", "c-1");
  expect(pidmap(broker.home, back)).toBe(`${peer} reviewer`);
});

test("of several that sit down at once, with a resumed one among them, exactly one has the seat", async () => {
  const broker = await startBroker();
  await away(broker, "reviewer", "c-1");
  await send(broker, "reviewer", "for exactly one");
  const hosts = await Promise.all(["c-1", "c-2", "c-3"].map((id) => start(broker.home, "reviewer", id)));
  const names = hosts.map((host) => nameOf(broker.home, host));
  expect([...names].sort()).toEqual(["reviewer", "reviewer-2", "reviewer-3"]);
  const holder = hosts[names.indexOf("reviewer")];
  if (holder) await mailComes(holder, "for exactly one");
  expect(await live(broker)).toEqual(["reviewer", "reviewer-2", "reviewer-3"]);
});

test("a session server killed while it sits down leaves one session in the seat, with its mail", async () => {
  const broker = await startBroker();
  await away(broker, "reviewer", "c-0");
  for (const [round, wait] of [0, 15, 30, 45, 60, 90].entries()) {
    await send(broker, "reviewer", `round ${round}.`);
    const session = `c-${round + 1}`;
    const host = await startHost(broker.home, "reviewer", { env: { CLAUDE_CODE_SESSION_ID: session } });
    const dead = host.serverPid();
    await new Promise((resolve) => setTimeout(resolve, wait));
    process.kill(dead, "SIGKILL");
    await host.restarted(dead);
    await host.handshake();
    await host.hook("SessionStart", { session_id: session, source: "startup" });
    await until("it sits there", async () => (await live(broker)).join() === "reviewer");
    await mailComes(host, `round ${round}.`);
    expect(await shown(host)).toContain(`round ${round}.`);
    await host.hook("Stop");
    await until("it is read", async () => (await stateOf(broker, `round ${round}.`))?.state === "read");
    await end(broker, host);
  }
  expect(recordFiles(broker.home)).toHaveLength(1);
});

test("a name that the user gave in the host, or that the session took later, is a seat", async () => {
  const broker = await startBroker();
  const named =
    'mkdir -p "$HOME/.claude/sessions"; echo "{\\"name\\":\\"Chief\\",\\"nameSource\\":\\"user\\"}" >"$HOME/.claude/sessions/$$.json"';
  const byHost = (session: string) => start(broker.home, "", session, { before: named });
  const first = await byHost("c-1");
  const peer = pidmap(broker.home, first);
  expect(peer).toContain("chief");
  await end(broker, first);
  const second = await byHost("c-2");
  expect(pidmap(broker.home, second)).toBe(peer);
  expect(await second.tool("cct_set_summary", { summary: "", name: "boss" })).toMatchObject({ isError: false });
  await end(broker, second);
  expect(pidmap(broker.home, await start(broker.home, "boss", "c-3"))).toBe(peer.replace("chief", "boss"));
});

test("a session without a given name takes no seat, and its folder's name is free again", async () => {
  const broker = await startBroker();
  const [first, second] = [await start(broker.home, "", "c-1"), await start(broker.home, "", "c-2")];
  const folder = nameOf(broker.home, first);
  expect(nameOf(broker.home, second)).toBe(`${folder}-2`);
  const peer = pidmap(broker.home, first);
  await end(broker, first);
  const third = await start(broker.home, "", "c-3");
  expect(nameOf(broker.home, third)).toBe(folder);
  expect(pidmap(broker.home, third)).not.toBe(peer);
});

test("a session of another machine, whose home this is too, keeps its seat while it lives", async () => {
  const broker = await startBroker();
  const peer = await newPeer(broker, "reviewer", { seat: true });
  const { peer_id, secret, place } = peer;
  const { host_pid: claude_pid } = place;
  const record = { peer_id, secret, claude_pid, name: "reviewer", seat: true, host: "elsewhere", started: "1" };
  writeFileSync(join(broker.home, "peers", `${peer_id}.json`), JSON.stringify({ ...record, earlier: [], since: 1 }), {
    mode: 0o600,
  });
  await ok(broker, "heartbeat", { host_pid: claude_pid, held: [] }, peer);
  expect(nameOf(broker.home, await start(broker.home, "reviewer", "c-1"))).toBe("reviewer-2");
  expect(await live(broker)).toEqual(["reviewer", "reviewer-2"]);
  await ok(broker, "unregister", { host_pid: claude_pid }, peer);
  const next = await start(broker.home, "reviewer", "c-2");
  expect(pidmap(broker.home, next)).toBe(`${peer_id} reviewer`);
  expect(JSON.parse(readFileSync(join(broker.home, "peers", `${peer_id}.json`), "utf8")).host).not.toBe("elsewhere");
});
