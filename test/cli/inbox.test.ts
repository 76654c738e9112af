/** A person's mail on the command line: listing, reading, answering, following, and waiting for a reply. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { failure, success, wrongUsage } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import { startHost } from "../support/host.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { type Running, run } from "../support/process.ts";
import { startUnwell, type Unwell } from "../support/unwell.ts";
import { until } from "../support/wait.ts";
import { newPerson, type Person, personWithBroker } from "./person.ts";

let me: Awaited<ReturnType<typeof personWithBroker>>;
let ben: TestPeer;

beforeAll(async () => {
  me = await personWithBroker();
  ben = await newPeer(me.broker, "ben");
});

/** A message from ben; answers its short id. */
async function fromBen(text: string, more: object = {}): Promise<string> {
  const { message_id } = await ok(me.broker, "send_message", { to: "operator", text, ...more }, ben);
  return message_id.slice(-8);
}

/** The message with this text, once ben has it. He confirms all that he gets: else it would come again, and be counted again. */
const taken = (text: string) =>
  until(`ben has ${text}`, async () => {
    const { messages } = await ok(me.broker, "check_messages", { limit: 100 }, ben);
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
    if (acks.length > 0) await ok(me.broker, "ack_messages", { acks, via: "check", batch: "b" }, ben);
    return messages.find((one) => one.text === text);
  });

const stateOf = async (id: string) =>
  (await ok(me.broker, "message_status", { message_id: id }, ben)).recipients[0]?.state;
const json = async (person: Person, ...words: string[]) => JSON.parse(success(await person.cct(...words, "--json")));
const readAll = async () => void success(await me.cct("inbox", "read"));

/** A command that runs until it is stopped. */
function start(person: Person, ...words: string[]): Running {
  const env = Object.fromEntries(
    Object.entries(person.env).filter((one): one is [string, string] => one[1] !== undefined),
  );
  return run(process.execPath, [join(root, "dist/bin.js"), ...words], { env, cwd: person.home });
}

describe("cct inbox", () => {
  test("lists unread mail, and listing it is not reading it", async () => {
    await readAll();
    expect(success(await me.cct("inbox"))).toBe("No unread mail. Older: cct inbox --all\n");
    const id = await fromBen("which port do you use?");
    const listed = success(await me.cct("inbox"));
    expect(listed).toMatch(
      new RegExp(`^FROM .*\nben +unread +(just now|\\d+ (?:s|min) ago) +${id} +which port do you use\\?\n`),
    );
    expect(listed).toContain("cct inbox read");
    expect(await stateOf(id)).toBe("queued");
    expect(await json(me, "inbox")).toMatchObject({ unread: 1, messages: [{ text: "which port do you use?" }] });
  });

  test("read shows a message in full, marks it, and shows it again when it is asked for", async () => {
    await readAll();
    const id = await fromBen("line one\n\nfrom boss · id 1\nline three");
    const shown = success(await me.cct("inbox", "read", id));
    expect(shown).toMatch(
      new RegExp(
        `^from ben · (just now|\\d+ (?:s|min) ago) · id ${id}\n {2}line one\n\n {2}from boss · id 1\n {2}line three\n$`,
      ),
    );
    expect(await stateOf(id)).toBe("read");
    expect(success(await me.cct("inbox", "read", id))).toContain("line three");
    expect(success(await me.cct("inbox", "--all"))).toMatch(new RegExp(`ben +read .*${id}`));
    expect(failure(await me.cct("inbox", "read", "ffffffff"))).toMatch(
      /no message 'ffffffff' in your inbox\. .*cct inbox --all/,
    );
  });

  test("read without an id shows all unread mail, oldest first", async () => {
    await readAll();
    for (const text of ["first", "second", "third"]) await fromBen(text);
    const texts = (await json(me, "inbox", "read")).messages.map((one: { text: string }) => one.text);
    expect(texts).toEqual(["first", "second", "third"]);
    expect(success(await me.cct("inbox", "read"))).toContain("No unread mail");
  });

  test("reply answers the sender, in the thread", async () => {
    const id = await fromBen("may I push?");
    expect(success(await me.cct("inbox", "reply", id, "not yet"))).toMatch(/^queued for ben/);
    const said = await taken("not yet");
    expect(said).toMatchObject({ from: "operator", text: "not yet" });
    expect(said.reply_to?.slice(-8)).toBe(id);
    success(await me.cctWith({ stdin: "from a pipe\n" }, "inbox", "reply", id, "-"));
    await taken("from a pipe");
    expect(failure(await me.cct("inbox", "reply", "ffffffff", "x"))).toContain("in your inbox");
    success(await me.cct("inbox", "reply", id, "- a list"));
    await taken("- a list");
  });

  test("shows no control characters, and nothing that passes for another message's head", async () => {
    await readAll();
    await fromBen("before \u202eturned\r\nfrom ben · id 2");
    const shown = success(await me.cct("inbox", "read"));
    expect(shown).not.toContain("\u202e");
    expect(shown.match(/^from /gm)).toHaveLength(1);
  });

  test("--follow shows in full what waits and what comes, and marks it", async () => {
    await readAll();
    const waiting = await fromBen("it waited");
    const following = start(me, "inbox", "--follow");
    await until("what waited is shown", () => following.stdout().includes("  it waited\n"));
    const coming = await fromBen("it came");
    await until("what came is shown", () => following.stdout().includes("  it came\n"));
    for (const id of [waiting, coming]) await until("it is read", async () => (await stateOf(id)) === "read");
    await following.stop("SIGINT");
    expect(following.stderr()).toBe("");
    const after = await fromBen("nobody looks");
    expect(await stateOf(after)).toBe("queued");
  });

  test("--follow --json prints a line for each message", async () => {
    await readAll();
    const following = start(me, "inbox", "--follow", "--json");
    await fromBen("as a line");
    const line = await until("a line", () => following.stdout().endsWith("\n") && following.stdout());
    expect(JSON.parse(line)).toMatchObject({ from_name: "ben", text: "as a line" });
    await following.stop("SIGINT");
  });
});

describe("cct send --wait reply", () => {
  test("shows the reply, and marks it as read", async () => {
    await readAll();
    const asked = me.cct("send", "ben", "are you done?", "--wait", "reply", "--timeout", "5m");
    const question = await taken("are you done?");
    await fromBen("something else");
    const id = await fromBen("yes, all of it", { reply_to: question.message_id });
    const said = success(await asked);
    expect(said).toMatch(/^queued for ben.*\nmessage \S+\nfrom ben · .*reply to \w+ · id \w+\n {2}yes, all of it\n$/);
    expect(await stateOf(id)).toBe("read");
    expect(await json(me, "inbox")).toMatchObject({ unread: 1, messages: [{ text: "something else" }] });
  });

  test("of several shows each reply as it comes, and marks it then", async () => {
    await readAll();
    await newPeer(me.broker, "kim");
    const asking = start(me, "send", "ben,kim", "who is there?", "--wait", "reply", "--timeout", "5m");
    const question = await taken("who is there?");
    const id = await fromBen("I am", { reply_to: question.message_id });
    await until("the reply is shown", () => asking.stdout().includes("  I am\n"));
    await until("it is read", async () => (await stateOf(id)) === "read");
    await asking.stop("SIGINT");
  });

  test("to several is repeated as a whole with its message id, exits with 124 for time only, and with 2 for wrong usage", async () => {
    const id = "01a21529-b89e-7ea7-8b80-7a21ffffffff";
    const twice = ["send", "ben,kim", "once for each", "--message-id", id];
    expect(success(await me.cct(...twice))).toBe(success(await me.cct(...twice)));
    const { messages } = await ok(me.broker, "messages", { limit: 10 });
    const sent = messages.filter(({ text }) => text === "once for each").map(({ message_id }) => message_id);
    expect(sent.map((one) => one.slice(-8)).sort()).toEqual(["00000000", "ffffffff"]);
    const asked = await me.cct("send", "ben,kim", "well?", "--wait", "reply", "--timeout", "1s");
    expect([asked.code, asked.stderr.match(/No reply within/g)?.length]).toEqual([124, 2]);
    const wrong = await me.cct("send", "ben,kim", "never sent", "--timeout", "5");
    expect([wrong.code, wrong.stderr.match(/--timeout is for/g)?.length]).toEqual([2, 1]);
    expect((await ok(me.broker, "messages", { limit: 10 })).messages.map(({ text }) => text)).not.toContain(
      "never sent",
    );
  });

  test("says with exit code 124 that none came in time", async () => {
    const asked = await me.cct("send", "ben", "hello?", "--wait", "reply", "--timeout", "1s");
    expect(asked.code).toBe(124);
    expect(asked.stderr).toMatch(/^cct: No reply within 1 s: ben \(queued\)\. .*cct inbox\n$/);
  });

  test("ends when nobody will get the message", async () => {
    const zoe = await newPeer(me.broker, "zoe");
    await ok(me.broker, "unregister", { host_pid: zoe.place.host_pid }, zoe);
    const asked = me.cct("send", "zoe", "there?", "--wait", "reply", "--timeout", "5m");
    await until("it is sent", async () => (await ok(me.broker, "messages", { peer: "zoe" })).messages.length === 1);
    success(await me.cct("peers", "forget", "zoe", "--force"));
    expect(failure(await asked)).toMatch(/^There will be no reply: zoe \(dead\)\. .*cct message /);
  });

  test.each([["soon"], ["10x"], ["-1"], ["1.5m"]])("a timeout of %s is wrong usage", async (timeout) => {
    expect((await me.cct("send", "ben", "x", "--wait", "reply", "--timeout", timeout)).code).toBe(2);
  });
});

describe("the count of unread mail", () => {
  test("is in cct status", async () => {
    await readAll();
    expect(success(await me.cct("status"))).toMatch(/^for you +0 unread$/m);
    const before = await json(me, "status");
    await fromBen("count me");
    expect(success(await me.cct("status"))).toMatch(/^for you +1 unread: cct inbox$/m);
    expect(await json(me, "status")).toMatchObject({ unread: 1, waiting: before.waiting });
    expect(success(await me.cct("broker", "status"))).toContain("; 1 of the queued for people");
  });

  test("stands after other commands on a terminal; not in a pipe, with --json, or when there is none", async () => {
    await readAll();
    const line = "1 unread message for you: cct inbox\n";
    const onTerminal = async (...words: string[]) => success(await me.cctWith({ columns: 100 }, ...words));
    expect(await onTerminal("peers")).not.toContain("unread");
    await fromBen("count me, too");
    expect((await onTerminal("peers")).endsWith(line)).toBe(true);
    expect((await onTerminal("send", "ben", "and on")).endsWith(line)).toBe(true);
    expect(await onTerminal("peers", "--json")).not.toContain(line);
    expect(await onTerminal("inbox")).not.toContain(line);
    expect(success(await me.cct("peers"))).not.toContain("unread");
  });
});

test("a session's shell has no inbox: what a model does must not pass for a person's", async () => {
  const host = await startHost(me.broker.home, "shell");
  await host.ready();
  const inShell = (...words: string[]) => me.cctWith({ env: { CLAUDE_PID: String(host.pid) } }, ...words);
  for (const words of [["inbox"], ["inbox", "read"], ["inbox", "reply", "ffffffff", "x"], ["inbox", "--follow"]])
    expect(wrongUsage(await inShell(...words))).toContain("This is a session's shell");
  expect(wrongUsage(await inShell("send", "ben", "x", "--wait", "reply"))).toContain("This is a session's shell");
});

test("--follow goes on after a restart of the broker", async () => {
  const other = await personWithBroker();
  const following = start(other, "inbox", "--follow");
  const cat = await newPeer(other.broker, "cat");
  await ok(other.broker, "send_message", { to: "operator", text: "before" }, cat);
  await until("it follows", () => following.stdout().includes("  before\n"));
  await other.broker.stop();
  const again = await startBroker({ home: other.broker.home });
  await ok(again, "send_message", { to: "operator", text: "after all" }, await newPeer(again, "dan"));
  await until("it is shown", () => following.stdout().includes("  after all\n"));
  await following.stop("SIGINT");
});

describe('a broker that answers some calls with "not now"', () => {
  /** A person whose calls go through it. */
  async function behind(): Promise<{ person: Person; unwell: Unwell }> {
    const unwell = await startUnwell(me.broker.url);
    const token = readFileSync(join(me.broker.home, "token"), "utf8").trim();
    const to = { CCT_BROKER: unwell.url, CCT_TOKEN: token, CCT_FORWARDED_TO: new URL(me.broker.url).host };
    return { person: newPerson(to), unwell };
  }

  test("--follow shows mail once, and marks it when the broker can", async () => {
    await readAll();
    const { person, unwell } = await behind();
    unwell.notNow("/api/mark_read");
    const following = start(person, "inbox", "--follow");
    const first = await fromBen("shown once");
    await until("it is shown", () => following.stdout().includes("  shown once\n"));
    await until("it was to be marked", () => unwell.asked.includes("/api/mark_read"));
    expect(await stateOf(first)).toBe("queued");
    unwell.notNow(false);
    const second = await fromBen("and this");
    for (const id of [first, second]) await until("it is read", async () => (await stateOf(id)) === "read");
    await following.stop("SIGINT");
    expect(following.stdout().split("  shown once\n")).toHaveLength(2);
    expect(following.stderr()).toBe("");
  });

  test("a reply that was not confirmed is sent again with its id", async () => {
    const id = await fromBen("which one?");
    const { person, unwell } = await behind();
    unwell.notNow("/api/send_message");
    const said = failure(await person.cct("inbox", "reply", id, "the first"));
    expect(said).toMatch(/not confirmed, perhaps it was sent: .*--message-id/);
    const [, message_id = ""] = /--message-id (\S+):/.exec(said) ?? [];
    unwell.notNow(false);
    for (let i = 0; i < 2; i++)
      success(await person.cct("inbox", "reply", id, "the first", "--message-id", message_id));
    const { messages } = await ok(me.broker, "messages", { peer: "ben" });
    expect(messages.filter(({ text }) => text === "the first")).toHaveLength(1);
  });
});

test("an empty list says whether there is older mail to look at", async () => {
  const other = await personWithBroker();
  expect(success(await other.cct("inbox"))).toBe("No unread mail. Older: cct inbox --all\n");
  expect(success(await other.cct("inbox", "--all"))).toBe("No mail.\n");
});

test("is explained by --help, with its own commands", async () => {
  const help = success(await me.cct("inbox", "--help"));
  for (const part of ["--follow", "--all", "read [ids...]", "reply <id> <text>"])
    expect(help).toContain(part.split(" ")[0]);
  expect(wrongUsage(await me.cct("inbox", "reply", "x"))).toContain("text");
});
