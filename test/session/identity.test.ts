/** Identity of sessions: forks, twins, restarts and reused pids. Two sessions are never one peer. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readIfThere } from "../../src/platform/files.ts";
import { isAlive } from "../../src/platform/process.ts";
import { OFFLINE_AFTER_MS } from "../../src/rules/presence.ts";
import { ok } from "../support/api.ts";
import { endBrokerOf, spawnBroker, startBroker } from "../support/broker.ts";
import { filesIn, startHost } from "../support/host.ts";
import { newPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import {
  away,
  end,
  nameOf,
  peersOf,
  pidmap,
  recordFiles,
  records,
  resume,
  send,
  start,
  stateOf,
} from "./conversations.ts";

test("a fork is a new peer, also when its original is offline", async () => {
  const broker = await startBroker();
  await away(broker, "ann", "c-ann");
  await send(broker, "ann", "for ann alone");
  const fork = await startHost(broker.home, "fork", { env: { CLAUDE_CODE_SESSION_ID: "c-fork" } });
  await fork.hook("SessionStart", { session_id: "c-fork", source: "fork" });
  await fork.ready();
  expect(await peersOf(broker)).toEqual([
    { name: "ann", presence: "offline" },
    { name: "fork", presence: "idle" },
  ]);
});

test("a fork that starts with the original's conversation in its environment becomes a new peer once hooks name its own", async () => {
  const broker = await startBroker();
  await away(broker, "ann", "c-ann");
  await send(broker, "ann", "for ann alone");
  const fork = await startHost(broker.home, "fork", { env: { CLAUDE_CODE_SESSION_ID: "c-ann" } });
  expect(await fork.mail()).toContain("for ann alone");
  await fork.hook("SessionStart", { session_id: "c-fork", source: "fork" });
  await until("it is another one", () => nameOf(broker.home, fork) === "fork");
  expect(await peersOf(broker)).toEqual([
    { name: "ann", presence: "offline" },
    { name: "fork", presence: "idle" },
  ]);
  expect(await stateOf(broker, "for ann alone")).toEqual({ state: "queued", redelivered: false });
  expect(existsSync(join(fork.spool, "mail"))).toBe(false);
  expect(nameOf(broker.home, await start(broker.home, "x", "c-ann"))).toBe("ann");
});

test("of two sessions that resume one conversation at once, exactly one becomes the old peer", async () => {
  const broker = await startBroker();
  await away(broker, "ann", "c-ann");
  const twins = await Promise.all([1, 2, 3].map(() => start(broker.home, "twin", "c-ann")));
  const names = twins.map((host) => nameOf(broker.home, host)).sort();
  expect(names).toEqual(["ann", "twin", "twin-2"]);
  expect((await peersOf(broker)).map(({ presence }) => presence)).toEqual(["idle", "idle", "idle"]);
  // The same once more.
  for (const host of twins) await host.end();
  for (const name of ["ann", "twin"]) {
    expect(nameOf(broker.home, await start(broker.home, "more", "c-ann"))).toMatch(new RegExp(`^${name}`));
  }
  expect(recordFiles(broker.home)).toHaveLength(3);
});

test("two windows in one folder are two peers with two names", async () => {
  const broker = await startBroker();
  const hosts = [await start(broker.home, "", "c-1"), await start(broker.home, "", "c-2")];
  const [first, second] = hosts.map((host) => nameOf(broker.home, host));
  expect(second).toBe(`${first}-2`);
});

test("mail stays queued while a session server is dead; the next one of the host is the same peer, in any conversation", async () => {
  const broker = await startBroker();
  const ann = await start(broker.home, "ann", "c-1");
  const peer = pidmap(broker.home, ann);
  const dead = ann.serverPid();
  // Stopped, so that the test host does not restart the server at once.
  process.kill(ann.pid, "SIGSTOP");
  process.kill(dead, "SIGKILL");
  await until("it is dead", () => !isAlive(dead));
  await ann.hook("SessionStart", { session_id: "c-2", source: "clear" });
  await send(broker, "ann", "is anybody there?");
  expect(await stateOf(broker, "is anybody there?")).toEqual({ state: "queued", redelivered: false });
  process.kill(ann.pid, "SIGCONT");
  await ann.restarted(dead);
  await ann.handshake();
  expect(await ann.mail()).toContain("is anybody there?");
  expect(pidmap(broker.home, ann)).toBe(peer);
  await until("the record knows", () => records(broker.home).get("ann")?.session_id === "c-2");
  expect(await peersOf(broker)).toHaveLength(1);
});

test("a session server killed while it changes peers comes back as the right one", async () => {
  const broker = await startBroker();
  await away(broker, "old", "c-old");
  const host = await start(broker.home, "new", "c-new");
  for (let round = 0; round < 6; round++) {
    const [from, to] = round % 2 ? ["c-old", "c-new"] : ["c-new", "c-old"];
    const dead = host.serverPid();
    await resume(host, from, to);
    await new Promise((resolve) => setTimeout(resolve, round * 4));
    process.kill(dead, "SIGKILL");
    await host.restarted(dead);
    await host.handshake();
    await host.tool("cct_list_peers");
    const name = round % 2 ? "new" : "old";
    await until(`it is ${name}`, () => nameOf(broker.home, host) === name);
    await send(broker, name, `round ${round}`);
    await until("its mail comes", async () => (await host.mail()).includes(`round ${round}`));
    expect((await peersOf(broker)).filter(({ presence }) => presence !== "offline")).toEqual([
      { name, presence: "idle" },
    ]);
    await until("it is read", async () => {
      // While the session server adds to its mail, a hook finds none.
      for (const event of ["UserPromptSubmit", "Stop"]) await host.hook(event);
      return (await stateOf(broker, `round ${round}`))?.state === "read";
    });
  }
  expect(recordFiles(broker.home)).toHaveLength(2);
});

test("a restarted broker has the same peers", async () => {
  const broker = await spawnBroker();
  const ann = await start(broker.home, "ann", "c-1");
  const before = pidmap(broker.home, ann);
  await broker.stop("SIGKILL");
  // Her session restarts the broker. A second start by the test would be refused.
  const { url } = await until("there is a broker again", () => {
    const note: { pid: number; url: string } = JSON.parse(readIfThere(join(broker.home, "broker.json")) ?? "{}");
    return note.pid !== undefined && note.pid !== broker.pid && note;
  });
  endBrokerOf(broker.home);
  const again = { ...broker, url };
  await until("she is back", async () => (await peersOf(again)).some(({ presence }) => presence === "idle"));
  expect(await peersOf(again)).toEqual([{ name: "ann", presence: "idle" }]);
  expect(pidmap(broker.home, ann)).toBe(before);
});

test("with another database, each session registers once as a new peer under its name, and logs that", async () => {
  const broker = await startBroker();
  const ann = await start(broker.home, "ann", "c-1");
  const ben = await start(broker.home, "ann", "c-2");
  const before = pidmap(broker.home, ann);
  await send(broker, "ann", "the only copy left");
  await ann.mail();
  await broker.stop();
  for (const name of readdirSync(broker.home)) if (name.startsWith("cct.db")) rmSync(join(broker.home, name));
  const again = await startBroker({ home: broker.home });
  await until("both are there", async () => (await peersOf(again)).length === 2);
  await until("and know it", () => pidmap(broker.home, ann) !== before);
  // A second registration would come with the next heartbeat or stream.
  await ann.given("UserPromptSubmit", {}).then((run) => expect(run.stdout).toContain("the only copy left"));
  await until("ann is active", async () => (await peersOf(again)).some(({ presence }) => presence === "active"));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect((await peersOf(again)).map(({ name }) => name)).toEqual(["ann", "ann-2"]);
  expect([nameOf(broker.home, ann), nameOf(broker.home, ben)]).toEqual(["ann", "ann-2"]);
  const said = ann.stderr();
  expect(said).toMatch(
    /^cct: The broker does not know peer [0-9a-f]{4} \(ann\).*registered again as [0-9a-f]{4} \(ann\)/m,
  );
  expect(said.split("\n").filter(Boolean)).toHaveLength(1);
  await send(again, "ann", "hello again");
  await until("mail comes", async () => (await ann.mail()).includes("hello again"));
});

test("a session whose peer was removed resumes as a new peer with its old name, where that is free", async () => {
  const broker = await startBroker();
  for (const name of ["ann", "ben"]) await away(broker, name, `c-${name}`);
  const before = records(broker.home);
  for (const peer of ["ann", "ben"]) await ok(broker, "forget_peer", { peer });
  expect(await peersOf(broker)).toEqual([]);
  await start(broker.home, "ben", "c-other");
  const ann = await start(broker.home, "x", "c-ann");
  expect(nameOf(broker.home, ann)).toBe("ann");
  expect(pidmap(broker.home, ann)).not.toContain(before.get("ann")?.peer_id);
  const line =
    /^cct: The broker does not know peer [0-9a-f]{4} \(ann\): it was removed there, .* registered again as [0-9a-f]{4} \(ann\)/m;
  await until("its log says so", () => line.test(ann.stderr()));
  expect(nameOf(broker.home, await start(broker.home, "x", "c-ben"))).toBe("ben-2");
  await send(broker, "ann", "welcome back");
  await until("mail comes", async () => (await ann.mail()).includes("welcome back"));
  // The new peer is found again by its conversation.
  await end(broker, ann);
  const again = await start(broker.home, "x", "c-ann");
  expect([nameOf(broker.home, again), again.stderr()]).toEqual(["ann", ""]);
});

test("a process with a reused pid is a new session, despite what the former process left", async () => {
  const broker = await startBroker();
  await away(broker, "ann", "c-ann");
  await send(broker, "ann", "for ann alone");
  const left = [
    'spool="$CCT_HOME/spool/$$"; mkdir -p "$spool"',
    'sed -i "s/\\"claude_pid\\":[0-9]*/\\"claude_pid\\":$$/" "$CCT_HOME"/peers/*.json',
    'echo c-ann >"$spool/session"; echo ended >"$spool/state"; echo 1 >"$spool/owner"; echo mail >"$spool/mail"',
    'touch -d "1 hour ago" "$spool"/*; echo "x ann" >"$CCT_HOME/pidmaps/$$"',
  ].join("; ");
  const other = await startHost(broker.home, "other", { before: left });
  await until(
    "it is registered",
    () => existsSync(join(broker.home, "pidmaps", String(other.pid))) && nameOf(broker.home, other) !== "ann",
  );
  expect(nameOf(broker.home, other)).toBe("other");
  expect(filesIn(other.spool).sort()).toEqual(["owner", "server"]);
  expect(await peersOf(broker)).toEqual([
    { name: "ann", presence: "offline" },
    { name: "other", presence: "idle" },
  ]);
});

test("a process with a reused pid that resumes the conversation gets the unanswered mail", async () => {
  const broker = await startBroker();
  const peer = await newPeer(broker, "ann");
  await send(broker, "ann", "said into the dark");
  const { messages } = await ok(broker, "claim_messages", { limit: 1, budget: 9_000 }, peer);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "delivered" as const }));
  await ok(broker, "ack_messages", { acks }, peer);
  await ok(broker, "unregister", { host_pid: peer.place.host_pid }, peer);
  expect(await ok(broker, "register", peer.place, peer)).toMatchObject({ waiting: 1 });
});

test("a session that ends during its registration leaves no live peer", async () => {
  const broker = await startBroker();
  for (const wait of [0, 20, 40, 60, 80, 120, 160, 240]) {
    const host = await startHost(broker.home, "brief");
    await new Promise((resolve) => setTimeout(resolve, wait));
    await host.end();
    const ended = performance.now();
    await until(`none is live after ${wait} ms`, async () =>
      (await peersOf(broker)).every(({ presence }) => presence === "offline"),
    );
    // Not only because it is not heard any more.
    expect(performance.now() - ended).toBeLessThan(OFFLINE_AFTER_MS - 5_000);
  }
});
