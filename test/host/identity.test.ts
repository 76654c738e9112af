/** Which peer a session of the real host is, whatever its user does with conversations. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { readIfThere } from "../../src/platform/files.ts";
import { timesIn, toolResults } from "./requests.ts";
import { cct, say, use } from "./script.ts";
import type { Session } from "./session.ts";
import { expectReadOnce, hostTest, newWord, onStage, stage } from "./stage.ts";
import { pause, until } from "./wait.ts";

let a: Session;

onStage(async (stage) => {
  a = await stage.start("a");
});

const home = (): string => join(stage().home, ".cct");

/** The peer that hooks and status line take a session for: its id and its name. */
function peerOf(session: Session): { id: string; name: string } {
  const [id = "", name = ""] = readFileSync(join(home(), "pidmaps", String(session.pid)), "utf8")
    .trim()
    .split(" ");
  return { id, name };
}

/** 0: while one server follows another there may be no note of it. */
function serverOf(session: Session): number {
  return Number((readIfThere(join(home(), "spool", String(session.pid), "server")) ?? "0").split(" ")[0]);
}

async function presences(): Promise<Record<string, string>> {
  const { peers }: { peers: { name: string; presence: string }[] } = JSON.parse(
    (await stage().cct("peers", "--all", "--json")).stdout,
  );
  return Object.fromEntries(peers.map(({ name, presence }) => [name, presence]));
}

/** Types a command that leads to another conversation; answers with its id once host and hooks have it. */
async function move(session: Session, command: string): Promise<string> {
  const before = session.conversationId();
  await session.command(command);
  await until(`${command} leads to another conversation`, () => session.conversationId() !== before);
  const now = session.conversationId();
  const note = join(home(), "spool", String(session.pid), "session");
  await until("the hooks have told it", () => readIfThere(note)?.startsWith(now));
  return now;
}

/** A conversation with something in it, which can be resumed, and its session's peer. */
async function talk(session: Session): Promise<{ conversation: string; id: string; name: string }> {
  await session.play(say("some words"));
  await session.turnOver();
  return { conversation: session.conversationId(), ...peerOf(session) };
}

/** A message from `a` wakes the session and is read, once. */
async function expectReached(session: Session, name: string): Promise<void> {
  const word = newWord("reach");
  await a.send({ to: name, text: word });
  await session.given(word);
  await session.turnOver();
  const { recipients } = await expectReadOnce(session.last(), word);
  expect(recipients.map((one) => one.name)).toEqual([name]);
}

hostTest("/clear and /compact keep the peer, which gets mail at once", async () => {
  const b = await stage().start("b");
  const { id } = await talk(b);
  for (const command of ["/clear", "/compact"]) {
    if (command === "/compact") {
      await b.play(say("something to compact"));
      await b.turnOver();
      const asked = b.requests().length;
      await b.command("/compact");
      await until("it is compacted", async () => b.requests().length > asked && /Compacted/.test(await b.screen()));
    } else {
      const conversation = await move(b, "/clear");
      const record = join(home(), "peers", `${id}.json`);
      await until(
        "the record has the new conversation",
        () => JSON.parse(readFileSync(record, "utf8")).session_id === conversation,
      );
    }
    expect(peerOf(b)).toEqual({ id, name: "b" });
    const word = newWord("kept");
    await a.send({ to: "b", text: word });
    await b.given(word);
    await b.turnOver();
    expect((await stage().becomes(word, "read")).recipients.map((one) => one.name)).toEqual(["b"]);
  }
  await b.exit();
});

hostTest("/resume in a session makes it that conversation's peer, and its mail wakes it", async () => {
  const old = await stage().start("old");
  const was = await talk(old);
  await old.exit();
  const word = newWord("old");
  const [answer] = await a.send({ to: "old", text: word });
  expect(answer?.text).toContain("queued for old: offline for");

  const now = await stage().start("new");
  const fresh = await talk(now);
  await move(now, `/resume ${was.conversation}`);
  await now.given(word);
  await now.turnOver();
  await expectReadOnce(now.last(), word);
  expect(peerOf(now)).toEqual({ id: was.id, name: "old" });
  expect(await presences()).toMatchObject({ old: "idle", new: "offline" });

  // The former one's mailbox stays, and the session can go back to it.
  const later = newWord("new");
  await a.send({ to: "new", text: later });
  await move(now, `/resume ${fresh.conversation}`);
  await now.given(later);
  await now.turnOver();
  await expectReadOnce(now.last(), later);
  expect(timesIn(now.last(), word)).toBe(0);
  expect(peerOf(now)).toEqual({ id: fresh.id, name: "new" });
  expect(await presences()).toMatchObject({ old: "offline", new: "idle" });
  await now.exit();
});

hostTest("/resume of a live session's conversation gives two peers, never a shared one", async () => {
  const [first, second] = [await stage().start("first"), await stage().start("second")];
  const one = await talk(first);
  const two = await talk(second);
  await move(second, `/resume ${one.conversation}`);
  await expectReached(second, "second");
  await expectReached(first, "first");
  expect([peerOf(first).id, peerOf(second).id]).toEqual([one.id, two.id]);
  const third = await stage().start("third", { args: ["--resume", one.conversation] });
  await expectReached(third, "third");
  expect(await presences()).toMatchObject({ first: "idle", second: "idle", third: "idle" });
  for (const session of [first, second, third]) await session.exit();

  // Alone again, the conversation is the peer's that had it first.
  const again = await stage().start("again", { args: ["--resume", one.conversation] });
  expect(peerOf(again)).toEqual({ id: one.id, name: "first" });
  await again.exit();
});

hostTest(
  "claude --resume and --continue return as the peer; a fork is a new peer, even if the original is offline",
  async () => {
    const b = await stage().start("origin");
    const was = await talk(b);
    await b.exit();

    const fork = await stage().start("fork", { args: ["--resume", was.conversation, "--fork-session"] });
    await until("the hooks have told its conversation", () =>
      existsSync(join(home(), "spool", String(fork.pid), "session")),
    );
    expect(fork.conversationId()).not.toBe(was.conversation);
    await expectReached(fork, "fork");
    expect(peerOf(fork).id).not.toBe(was.id);
    expect(await presences()).toMatchObject({ origin: "offline", fork: "idle" });
    const forked = await talk(fork);
    await fork.exit();

    const continued = await stage().start("x", { args: ["--continue"] });
    expect(peerOf(continued)).toEqual({ id: forked.id, name: "fork" });
    await continued.exit();
    const resumed = await stage().start("x", { args: ["--resume", was.conversation] });
    expect(peerOf(resumed)).toEqual({ id: was.id, name: "origin" });

    // The host forks inside of a session too: the user goes on in the same window, and so does the peer.
    await move(resumed, "/branch");
    await expectReached(resumed, "origin");
    expect(peerOf(resumed).id).toBe(was.id);
    await resumed.exit();
  },
);

hostTest("a killed session server that is reconnected is the same peer and gets the mail that waited", async () => {
  const b = await stage().start("killed");
  const { id } = await talk(b);
  const server = serverOf(b);
  process.kill(server, "SIGKILL");
  const word = newWord("waits");
  await a.send({ to: "killed", text: word });
  await pause(2_000);
  // The host does not start it again: what was sent stays queued.
  expect(serverOf(b)).toBe(server);
  await stage().becomes(word, "queued");
  await b.command("/mcp reconnect plugin:cct:cct");
  await until("another server runs", () => ![0, server].includes(serverOf(b)));
  await b.given(word);
  await b.turnOver();
  await expectReadOnce(b.last(), word);
  expect(peerOf(b)).toEqual({ id, name: "killed" });
  await b.play(use(cct("list_peers")), say("done"));
  await b.turnOver();
  expect(toolResults(b.last()).map(({ failed }) => failed)).toEqual([false]);
  await b.exit();
});

hostTest("two sessions in one folder are two peers with two names, and ended sessions leave no files", async () => {
  const [one, two] = await Promise.all([1, 2].map((n) => stage().start(`same${n}`, { env: { CCT_NAME: "same" } })));
  if (!one || !two) throw new Error("two sessions");
  expect([peerOf(one).name, peerOf(two).name].sort()).toEqual(["same", "same-2"]);
  await one.exit();
  await two.exit();
  const last = await stage().start("last");
  const live = [a, last].map((session) => String(session.pid)).sort();
  expect(readdirSync(join(home(), "pidmaps")).sort()).toEqual(live);
  expect(readdirSync(join(home(), "spool")).sort()).toEqual(live);
  await last.exit();
});
