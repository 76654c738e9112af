/** Sending and listing messages from the command line. */
import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { failure, success, wrongUsage } from "../support/cct.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { type Person, personWithBroker } from "./person.ts";

let me: Awaited<ReturnType<typeof personWithBroker>>;
let ben: TestPeer;

beforeAll(async () => {
  me = await personWithBroker();
  ben = await newPeer(me.broker, "ben", { cwd: "/home/ann/ben", branch: "main", summary: "mends the tests" });
  await newPeer(me.broker, "ann");
});

/** The text of the newest message that ben got. */
async function newest(): Promise<string | undefined> {
  const { messages } = await ok(me.broker, "messages", { peer: "ben", limit: 1 });
  return messages[0]?.text;
}

const json = async (person: Person, ...words: string[]) => JSON.parse(success(await person.cct(...words, "--json")));

describe("sending", () => {
  test("by name answers what to expect, and the message's id", async () => {
    const said = success(await me.cct("send", "ben", "hello there"));
    expect(said).toMatch(/^queued for ben: .+\nmessage [\w-]{8,64}\n$/);
    const id = /message (\S+)/.exec(said)?.[1] ?? "";
    expect(await newest()).toBe("hello there");
    expect(success(await me.cct("message", id))).toMatch(/TO +STATE[^\n]*\nben +queued/);
    expect(await json(me, "message", id)).toMatchObject({
      message_id: id,
      from_name: "operator",
      recipients: [{ name: "ben", state: "queued" }],
    });
  });

  test("by id prefix and with options answers in JSON", async () => {
    const answer = await json(me, "send", ben.peer_id.slice(0, 6), "by id", "--urgency", "interrupt");
    expect(answer).toMatchObject({ recipients: [{ peer_id: ben.peer_id, name: "ben", state: "queued" }] });
    const { messages } = await ok(me.broker, "messages", { peer: "ben", limit: 1 });
    expect(messages[0]).toMatchObject({ text: "by id", urgency: "interrupt", from_name: "operator" });
  });

  test("the same message_id twice sends once", async () => {
    const twice = ["send", "ben", "once", "--message-id", "message-once-1"];
    expect(success(await me.cct(...twice))).toBe(success(await me.cct(...twice)));
    const { messages } = await ok(me.broker, "messages", { limit: 500 });
    expect(messages.filter((message) => message.text === "once")).toHaveLength(1);
  });

  test("reads a text of - from standard input, unchanged except for its last newline", async () => {
    const text = 'Über ✓ 日本 😀\n\n  two lines $HOME `id` \\n "q"\n';
    success(await me.cctWith({ stdin: `${text}\n` }, "send", "ben", "-"));
    expect(await newest()).toBe(text);
    const long = "long ".repeat(12_000);
    success(await me.cctWith({ stdin: long }, "send", "ben", "-"));
    expect(await newest()).toBe(long);
  });

  test("accepts a text that begins with a dash after --", async () => {
    success(await me.cct("send", "ben", "--", "--json is an option"));
    expect(await newest()).toBe("--json is an option");
  });

  test("refuses standard input that is not UTF-8, and sends nothing", async () => {
    const before = await newest();
    const stdin = Buffer.from([0x68, 0x69, 0xff, 0xfe, 0x0a]);
    expect(failure(await me.cctWith({ stdin }, "send", "ben", "-"))).toMatch(/not UTF-8\. .*iconv/);
    expect(await newest()).toBe(before);
  });

  test.each([[""], ["   "], ["\n\n"]])(
    "refuses an empty text (%j), as an argument or from standard input",
    async (text) => {
      expect(wrongUsage(await me.cct("send", "ben", text))).toMatch(/The text is empty/);
      expect(wrongUsage(await me.cctWith({ stdin: text }, "send", "ben", "-"))).toMatch(/The text is empty/);
    },
  );

  test("refuses a text that is too long, with its size and the maximum", async () => {
    const stdin = "x".repeat(65_537);
    expect(failure(await me.cctWith({ stdin }, "send", "ben", "-"))).toMatch(/65537 bytes; the limit is 65536/);
  });

  test("reads no more of an endless standard input than a message may have", async () => {
    const run = await me.cctWith(
      { within: (command) => ["bash", "-c", '"$@" < /dev/zero', "bash", ...command] },
      "send",
      "ben",
      "-",
    );
    expect(failure(run)).toContain("more than 1 MiB; a message has at most 64 KiB");
  });

  test("refuses --timeout without --wait", async () => {
    expect(wrongUsage(await me.cct("send", "ben", "hi", "--timeout", "5"))).toContain("--timeout is for --wait");
  });

  test("refuses colours and other control characters", async () => {
    expect(wrongUsage(await me.cct("send", "ben", "\u001b[31mred"))).toMatch(/control character U\+001B/);
  });

  test("to an unknown peer fails and lists the known ones", async () => {
    expect(failure(await me.cct("send", "bob", "hi"))).toMatch(/bob/);
    expect(failure(await me.cct("send", "@team", "hi"))).toMatch(/no pool '@team'/);
  });
});

describe("listing", () => {
  test("shows the peers", async () => {
    const said = success(await me.cct("peers"));
    const [head, ...rows] = said.trimEnd().split("\n");
    expect(head).toMatch(/^ID +NAME +PRESENCE +MAIL +HOST +POOLS +BRANCH +DIRECTORY +SUMMARY$/);
    expect(rows).toHaveLength(2);
    expect(rows.find((row) => row.includes(" ben "))).toMatch(
      new RegExp(`^${ben.peer_id.slice(0, 4)} +ben +idle +\\d+ +elsewhere +main +/home/ann/ben +mends the tests$`),
    );
    const { peers } = await json(me, "peers");
    expect(peers.map((peer: { name: string }) => peer.name).sort()).toEqual(["ann", "ben"]);
  });

  test("shows messages, newest first, as many as asked for", async () => {
    for (const text of ["one", "two", "three"]) success(await me.cct("send", "ann", text));
    const said = success(await me.cct("messages", "--limit", "2"));
    const [head, ...rows] = said.trimEnd().split("\n");
    expect(head).toMatch(/^SENT \(UTC\) +FROM +TO +STATE +ID +TEXT$/);
    expect(rows.pop()).toMatch(/^Older ones, if any: cct messages --before \d+$/);
    expect(rows.map((row) => row.split(/ {2,}/).at(-1))).toEqual(["three", "two"]);
    const { messages } = await json(me, "messages", "--limit", "3", "--peer", "ann");
    expect(messages.map((message: { text: string }) => message.text)).toEqual(["three", "two", "one"]);
  });

  test("pages back with the number at the end of each page", async () => {
    const first = await json(me, "messages", "--limit", "2", "--peer", "ann");
    const next = await json(me, "messages", "--peer", "ann", "--before", String(first.messages.at(-1).seq));
    expect(next.messages.map((message: { text: string }) => message.text)).toEqual(["one"]);
  });

  test("refuses an unknown message, and a limit that is too high", async () => {
    expect(failure(await me.cct("message", "message-nowhere"))).toMatch(/no message 'message-nowhere'/);
    expect(wrongUsage(await me.cct("messages", "--limit", "501"))).toMatch(/500/);
    expect(wrongUsage(await me.cct("messages", "--limit", "0"))).toMatch(/1/);
  });

  test("says so if there is nothing yet", async () => {
    const alone = await personWithBroker();
    expect(success(await alone.cct("peers"))).toMatch(/^No peer is registered\./);
    expect(success(await alone.cct("messages"))).toBe("No messages.\n");
    expect(await json(alone, "peers")).toEqual({ peers: [] });
    expect(await json(alone, "messages")).toEqual({ messages: [] });
  });
});
