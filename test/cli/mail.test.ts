/** Sending and listing messages from the command line. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { failure, success, wrongUsage } from "../support/cct.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";
import { type Person, personWithBroker } from "./person.ts";

let me: Awaited<ReturnType<typeof personWithBroker>>;
let ben: TestPeer;

beforeAll(async () => {
  me = await personWithBroker();
  ben = await newPeer(me.broker, "ben", { cwd: "/home/ann/ben", branch: "main", summary: "mends the tests" });
  stayAlive(me.broker, ben, await newPeer(me.broker, "ann"));
});

/** The text of the newest message that ben got. */
async function newest(): Promise<string | undefined> {
  const { messages } = await ok(me.broker, "messages", { peer: "ben", limit: 1, full: true });
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
      message_id: expect.stringMatching(new RegExp(`${id}$`)),
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

  test("accepts a text that begins with a dash, after -- also one that looks like an option", async () => {
    for (const text of ["- one\n- two", "-1 is wrong", "--json is an option", "-> done"]) {
      success(await me.cct("send", "ben", text, "--urgency", "low"));
      expect(await newest()).toBe(text);
    }
    success(await me.cct("send", "ben", "--", "--json"));
    expect(await newest()).toBe("--json");
    expect(wrongUsage(await me.cct("send", "ben", "hi", "--jsno"))).toMatch(/unknown option '--jsno'/);
  });

  test("reads the text from a file, and says how where a shell took a text apart", async () => {
    const text = 'costs $5, `really`!\n"quoted"';
    writeFileSync(join(me.home, "text.txt"), `${text}\n`);
    success(await me.cct("send", "ben", "--file", "text.txt"));
    expect(await newest()).toBe(text);
    expect(wrongUsage(await me.cct("send", "ben", "x", "--file", "text.txt"))).toMatch(/given twice/);
    expect(wrongUsage(await me.cct("send", "ben", "--file", "none.txt"))).toMatch(
      /none\.txt cannot be read: there is no such file\. Check the path given with --file\.$/,
    );
    for (const words of [["ben"], ["ben", "three", "more", "words"]])
      expect(wrongUsage(await me.cct("send", ...words))).toMatch(/--file <path>, or - for standard input/);
  });

  test("of 10 MB on standard input says that it is too large, and the writer's pipe does not break", async () => {
    const writer = "head -c 10000000 /dev/zero | tr '\\0' x";
    const run = await me.cctWith(
      {
        within: (command) => [
          "bash",
          "-c",
          `set -o pipefail; ${writer} | "$@"; echo "\${PIPESTATUS[*]}"`,
          "bash",
          ...command,
        ],
      },
      "send",
      "ben",
      "-",
    );
    expect(run.stderr).toMatch(/^cct: Standard input has more than 1 MiB[^\n]*\n$/);
    expect(run.stdout).toBe("0 0 1\n");
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

  test("to several names is a message to each; what failed for one is said, and exits with 1", async () => {
    const said = success(await me.cct("send", "ben,ben@elsewhere", "to both"));
    expect(said).toMatch(/^(queued for ben: .+\nmessage \S+\n){2}$/);
    const run = await me.cct("send", "ben, nobody", "to one", "--json");
    expect(run).toMatchObject({ code: 1, stderr: expect.stringMatching(/^cct: Not done for 1 of 2\. To nobody: /) });
    const { each } = JSON.parse(run.stdout);
    expect(each).toMatchObject([{ to: "ben", answer: { recipients: [{ name: "ben" }] } }, { to: "nobody" }]);
    expect(await newest()).toBe("to one");
  });

  test("a reply needs no address: it goes to the sender of what it answers", async () => {
    const { message_id } = await ok(me.broker, "send_message", { to: "operator", text: "which port?" }, ben);
    expect(success(await me.cct("send", "--reply-to", message_id.slice(-8), "port 80"))).toMatch(/^queued for ben/);
    expect(await newest()).toBe("port 80");
    success(await me.cctWith({ stdin: "port 81" }, "send", "--reply-to", message_id, "-"));
    expect(await newest()).toBe("port 81");
    success(await me.cct("send", "ben", "port 82", "--reply-to", message_id));
    expect(await newest()).toBe("port 82");
    expect(wrongUsage(await me.cct("send", "--reply-to", message_id))).toMatch(/The text is missing/);
  });

  test("a session that was waited for in vain is in the JSON, too", async () => {
    const run = await me.cct("send", "ben", "in vain", "--wait", "read", "--timeout", "1s", "--json");
    expect(run.code).toBe(124);
    const { message_id, recipients } = JSON.parse(run.stdout);
    expect(recipients).toMatchObject([{ name: "ben", state: "queued" }]);
    const id = message_id.slice(-8);
    expect(run.stderr).toBe(
      `cct: Not read within 1 s: ben (queued). The message is still on its way; check later with: cct message ${id}\n`,
    );
    const reply = await me.cct("send", "ben", "in vain", "--wait", "reply", "--timeout", "1s", "--json");
    expect(reply.code).toBe(124);
    expect(JSON.parse(reply.stdout)).toMatchObject({ messages: [], recipients: [{ name: "ben", state: "queued" }] });
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
    expect(head).toMatch(/^NAME +PRESENCE +MAIL +ID +DIRECTORY +BRANCH +SUMMARY +HOST$/);
    expect(rows).toHaveLength(2);
    expect(rows.find((row) => row.startsWith("ben "))).toMatch(
      new RegExp(`^ben +idle +\\d+ +${ben.peer_id.slice(0, 4)} +/home/ann/ben +main +mends the tests +elsewhere$`),
    );
    const { peers } = await json(me, "peers");
    expect(peers.map((peer: { name: string }) => peer.name).sort()).toEqual(["ann", "ben"]);
  });

  test("shows messages, newest first, as many as asked for", async () => {
    for (const text of ["one", "two", "three"]) success(await me.cct("send", "ann", text));
    const said = success(await me.cct("messages", "--limit", "2"));
    const [head, ...rows] = said.trimEnd().split("\n");
    expect(head).toMatch(/^FROM +TO +STATE +SENT +ID +TEXT$/);
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
