/** Who a session is: forks, twins, restarts and reused process ids. Two sessions are never one peer. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive } from "../../src/platform/process.ts";
import { ok } from "../support/api.ts";
import { endBrokerOf, spawnBroker, startBroker } from "../support/broker.ts";
import { filesIn, startHost } from "../support/host.ts";
import { newPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { away, nameOf, peersOf, pidmap, recordFiles, records, resume, send, start, stateOf } from "./conversations.ts";

test("a fork is a new peer, also when its original is offline", async () => {
  const broker = await startBroker();
  await away(broker.home, "ann", "c-ann");
  await send(broker, "ann", "for ann alone");
  const fork = await startHost(broker.home, "fork", { env: { CLAUDE_CODE_SESSION_ID: "c-fork" } });
  await fork.hook("SessionStart", { session_id: "c-fork", source: "fork" });
  await fork.ready();
  expect(await peersOf(broker)).toEqual([
    { name: "ann", presence: "offline" },
    { name: "fork", presence: "idle" },
  ]);
});

test("a fork whose host named the original's conversation at its start is a new peer as soon as the hooks tell", async () => {
  const broker = await startBroker();
  await away(broker.home, "ann", "c-ann");
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

test("two sessions that resume one conversation at once are two peers, and one of them is the old one", async () => {
  const broker = await startBroker();
  await away(broker.home, "ann", "c-ann");
  const twins = await Promise.all([1, 2, 3].map(() => start(broker.home, "twin", "c-ann")));
  const names = twins.map((host) => nameOf(broker.home, host)).sort();
  expect(names).toEqual(["ann", "twin", "twin-2"]);
  expect((await peersOf(broker)).map(({ presence }) => presence)).toEqual(["idle", "idle", "idle"]);
  // The same again makes no more of them.
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

test("while a session server is dead, mail stays queued; another one of the same host is the same peer, whatever conversation came", async () => {
  const broker = await startBroker();
  const ann = await start(broker.home, "ann", "c-1");
  const peer = pidmap(broker.home, ann);
  const dead = ann.serverPid();
  // Held, so that the stand-in's parent does not start another one at once.
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

test("a session server that is killed on its way from one peer to another is the right one when it comes back", async () => {
  const broker = await startBroker();
  await away(broker.home, "old", "c-old");
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
    await host.hook("UserPromptSubmit");
    await host.hook("Stop");
    await until("it is read", async () => (await stateOf(broker, `round ${round}`))?.state === "read");
  }
  expect(recordFiles(broker.home)).toHaveLength(2);
});

test("a broker that comes back has the same peers", async () => {
  const broker = await spawnBroker();
  const ann = await start(broker.home, "ann", "c-1");
  const before = pidmap(broker.home, ann);
  await broker.stop("SIGKILL");
  // Her session starts it again; were we to do so too, one of the two would be refused.
  const { url } = await until("there is a broker again", () => {
    const note: { pid: number; url: string } = JSON.parse(readFileSync(join(broker.home, "broker.json"), "utf8"));
    return note.pid !== broker.pid && note;
  });
  endBrokerOf(broker.home);
  const again = { ...broker, url };
  await until("she is back", async () => (await peersOf(again)).some(({ presence }) => presence === "idle"));
  expect(await peersOf(again)).toEqual([{ name: "ann", presence: "idle" }]);
  expect(pidmap(broker.home, ann)).toBe(before);
});

test("a broker whose database is another one gets each session anew, once, under its name, and the log says so", async () => {
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
  // A second registration would come with the next heartbeat or the next try of the stream.
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

test("a process with the number of an ended one is not mistaken for it, whatever that one left", async () => {
  const broker = await startBroker();
  await away(broker.home, "ann", "c-ann");
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

test("a process with the number of an ended one that resumes its conversation gets what that one had not answered", async () => {
  const broker = await startBroker();
  const peer = await newPeer(broker, "ann");
  await send(broker, "ann", "said into the dark");
  const { messages } = await ok(broker, "claim_messages", { limit: 1, budget: 9_000 }, peer);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "delivered" as const }));
  await ok(broker, "ack_messages", { acks }, peer);
  await ok(broker, "unregister", { claude_pid: peer.place.claude_pid }, peer);
  expect(await ok(broker, "register", peer.place, peer)).toMatchObject({ waiting: 1 });
});

test("a session that ends while it begins leaves no live peer behind", async () => {
  const broker = await startBroker();
  for (const wait of [0, 20, 40, 60, 80, 120, 160, 240]) {
    const host = await startHost(broker.home, "brief");
    await new Promise((resolve) => setTimeout(resolve, wait));
    await host.end();
    expect(
      (await peersOf(broker)).filter(({ presence }) => presence !== "offline"),
      `after ${wait} ms`,
    ).toEqual([]);
  }
});
