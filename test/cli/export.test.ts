/** `cct export`, `cct import` and `cct purge`: nothing is lost, doubled, or deleted without a word. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { failure, success, wrongUsage } from "../support/cct.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { personWithBroker } from "./person.ts";

type Me = Awaited<ReturnType<typeof personWithBroker>>;

let me: Me;
let ann: TestPeer;
let ben: TestPeer;

/** The messages of an export. */
const messagesOf = (jsonl: string): Record<string, unknown>[] =>
  jsonl
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .slice(1, -1);
const everything = async (who: Me) => (await ok(who.broker, "messages", { limit: 500, full: true })).messages;

async function takeAll(who: Me, peer: TestPeer): Promise<void> {
  const { messages } = await ok(who.broker, "check_messages", { limit: 100 }, peer);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
  await ok(who.broker, "ack_messages", { acks, via: "check", batch: "b" }, peer);
}

beforeAll(async () => {
  me = await personWithBroker(startBroker);
  [ann, ben] = [await newPeer(me.broker, "ann"), await newPeer(me.broker, "ben")];
  await ok(me.broker, "create_pool", { name: "tools", purpose: "to test" }, ann);
  await ok(me.broker, "join_pool", { pool: "tools" }, ben);
  await ok(me.broker, "send_message", { to: "@tools", text: "to the pool" }, ann);
  for (let i = 0; i < 120; i++)
    await ok(me.broker, "send_message", { to: "ann", text: `${i} long ${"x".repeat(1_000)}`, urgency: "low" }, ben);
  await ok(
    me.broker,
    "send_message",
    { to: "ben", text: "# no heading\n> quoted \u001b[31m *red*".replace("\u001b", "") },
    ann,
  );
  await ok(me.broker, "send_message", { to: "operator", text: "for a person, \u202e hidden" }, ann);
  for (let i = 0; i < 2; i++) await takeAll(me, ann);
});

describe("an export", () => {
  test("has every message once, whole, the oldest first", async () => {
    const all = await everything(me);
    const exported = messagesOf(success(await me.cct("export")));
    expect(exported).toEqual(JSON.parse(JSON.stringify(all.toReversed())));
    expect(exported.length).toBeGreaterThan(120);
  });

  test("takes filters, and of a wrong one says what is wrong before it writes anything", async () => {
    const exported = messagesOf(success(await me.cct("export", "--pool", "tools", "--since", "1h")));
    expect(exported.filter(({ from }) => from !== "cct").map(({ text }) => text)).toEqual(["to the pool"]);
    expect(messagesOf(success(await me.cct("export", "--before", "1h")))).toEqual([]);
    expect(failure(await me.cct("export", "--pool", "nowhere"))).toMatch(/no pool '@nowhere'/);
    expect(wrongUsage(await me.cct("export", "--since", "never"))).toMatch(/must be a time/);
  });

  test("for people quotes texts, so that none looks like another message", async () => {
    const said = success(await me.cct("export", "--format", "md", "--with", "ben", "--urgency", "normal"));
    expect(said).toMatch(/^# Messages\n\n## \d{4}-\d\d-\d\d\n/);
    expect(said).toMatch(/\*\*ann.* → ben\*\* · .*queued ben\n\n> # no heading\n> > quoted/);
    expect(said.match(/^#/gm)).toHaveLength(2);
    expect(success(await me.cct("export", "--format", "md"))).not.toContain("\u202e");
  });

  test("for people names a removed peer as it was called last, also where it was addressed by its id", async () => {
    const own = await personWithBroker();
    const [cat, dan] = [await newPeer(own.broker, "cat"), await newPeer(own.broker, "dan")];
    await ok(own.broker, "send_message", { to: dan.peer_id.slice(0, 8), text: "by id" }, cat);
    for (const peer of [cat, dan]) {
      await ok(own.broker, "unregister", { host_pid: peer.place.host_pid }, peer);
      success(await own.cct("peers", "forget", peer.name, "--force"));
    }
    const said = success(await own.cct("export", "--format", "md"));
    expect(said).toMatch(/^\*\*cat\S* → dan\*\* .* dan/m);
    expect(said).not.toContain(dan.peer_id.slice(0, 8));
  });

  test("has no token and no secret", async () => {
    const all = success(await me.cct("export")) + success(await me.cct("export", "--format", "md"));
    for (const secret of [me.broker.token, ann.secret, ben.secret]) expect(all).not.toContain(secret);
  });
});

describe("an import", () => {
  const file = () => join(me.home, "export.jsonl");
  let other: Me;
  beforeAll(async () => {
    writeFileSync(file(), success(await me.cct("export")));
    other = await personWithBroker(startBroker);
    // Some addresses of the export are somebody else's here.
    await newPeer(other.broker, "ann");
    await ok(other.broker, "send_message", { to: "ann", text: "of this broker" });
  });

  test("stores the messages with what became of them, twice as once, and delivers nothing", async () => {
    const { length } = messagesOf(readFileSync(file(), "utf8"));
    // One that falls silent meanwhile is still the same.
    const peers = async () => (await ok(other.broker, "list_peers", { all: true })).peers.map(({ peer_id }) => peer_id);
    const before = await peers();
    expect(success(await other.cct("import", file()))).toBe(`${length} messages imported, 0 were there already.\n`);
    expect(success(await other.cct("import", file()))).toBe(`0 messages imported, ${length} were there already.\n`);
    const again = await other.cctWith({ stdin: readFileSync(file(), "utf8") }, "import", "-");
    expect(success(again)).toBe(`0 messages imported, ${length} were there already.\n`);
    const there = await everything(other);
    expect(there).toHaveLength(length + 1);
    for (const one of await everything(me)) {
      const same = there.find(({ message_id }) => message_id === one.message_id);
      const { seq, text, sent_at, from, to, thread_id, urgency } = one;
      expect(same).toMatchObject({ seq, text, sent_at, from, to, thread_id, urgency });
      const states = (all: typeof one.recipients) =>
        all.map(({ peer_id, name, state, read_at }) => ({
          peer_id,
          name,
          state: state === "read" ? state : "expired",
          read_at,
        }));
      expect(same && states(same.recipients)).toEqual(states(one.recipients));
    }
    expect(await peers()).toEqual(before);
    // It is searched like other mail.
    expect((await ok(other.broker, "search", { query: '"no heading"' })).messages).toHaveLength(1);
  });

  test("of what was deleted brings it back at the same broker", async () => {
    const all = await everything(me);
    success(await me.cct("purge", "--urgency", "low", "--yes"));
    expect((await everything(me)).length).toBeLessThan(all.length);
    success(await me.cct("import", file()));
    expect((await everything(me)).map(({ message_id }) => message_id)).toEqual(all.map(({ message_id }) => message_id));
  });

  const header = '{"cct_export":1}';
  const good = (id: string): string =>
    JSON.stringify({
      message_id: id,
      seq: 1,
      from: "operator",
      from_name: "operator",
      to: "ann",
      urgency: "low",
      text: "imported by hand",
      sent_at: 1,
      thread_id: id,
      recipients: [],
    });
  test.each([
    ["nothing", "", /is empty/],
    ["no export", "hello", /Line 1 .*it is not JSON.*Nothing is imported/],
    ["another file", '{"a":1}', /Line 1 .*not the first line of an export/],
    ["a blank first line and no header", `\n${good("message-a0")}\n`, /Line 2 .*not the first line of an export/],
    ["a newer export", '{"cct_export":2}', /Line 1 .*newer version/],
    ["a line of garbage", `${header}\n${good("message-a1")}\nxx`, /Line 3 .*it is not JSON/],
    [
      "a wrong field",
      `${header}\n${good("message-a2")}\n${good("message-a3").replace('"low"', '"lowest"')}\n`,
      /Line 3 .*urgency/,
    ],
    [
      "the future",
      `${header}\n${good("message-a4").replace('"sent_at":1', '"sent_at":99999999999999')}\n`,
      /Line 2 .*future/,
    ],
    ["no end", `${header}\n${good("message-a5")}\n`, /no last line: the export was cut off/],
    ["more after the end", `${header}\n{"cct_export_end":true}\n${good("message-a6")}\n`, /Line 3 .*follows the end/],
  ])("of %s is refused, and says where", async (_, text, why) => {
    const path = join(me.home, "garbage.jsonl");
    writeFileSync(path, text);
    const run = await other.cct("import", path);
    expect(run.code === 2 ? wrongUsage(run) : failure(run)).toMatch(why);
  });

  test("of a file with a bad line stores the lines before it, as its error says", async () => {
    const path = join(me.home, "bad-line.jsonl");
    writeFileSync(path, `${header}\n${good("message-b1")}\n${good("message-b2")}\nxx\n${good("message-b3")}\n`);
    expect(failure(await other.cct("import", path))).toMatch(/Line 4 .*The lines before it are imported/);
    const ids = (await everything(other))
      .map(({ message_id }) => message_id)
      .filter((id) => id.startsWith("message-b"));
    expect(ids.toSorted()).toEqual(["message-b1", "message-b2"]);
  });

  test("and the export name their options when one is wrong", async () => {
    expect(wrongUsage(await me.cct("export", "--thread", "x".repeat(300)))).toMatch(
      /^--thread must .*cct export --help/,
    );
    expect(wrongUsage(await me.cct("purge", "--thread", "x".repeat(300)))).toMatch(/^--thread must .*cct purge --help/);
  });

  test("of a file that is not there is wrong usage", async () => {
    expect(wrongUsage(await me.cctWith({ stdin: "" }, "import", "-"))).toMatch(/Standard input is empty/);
    expect(wrongUsage(await me.cct("import", "nowhere.jsonl"))).toMatch(
      /nowhere\.jsonl cannot be read: there is no such file/,
    );
  });
});

describe("purge", () => {
  let here: Me;
  let peers: TestPeer[];
  beforeAll(async () => {
    here = await personWithBroker(startBroker);
    peers = [await newPeer(here.broker, "ann"), await newPeer(here.broker, "ben")];
    for (let i = 0; i < 3; i++) await ok(here.broker, "send_message", { to: "ann", text: `read ${i}` }, peers[1]);
    if (peers[0]) await takeAll(here, peers[0]);
    for (let i = 0; i < 2; i++) await ok(here.broker, "send_message", { to: "ben", text: `waits ${i}` }, peers[0]);
  });
  const texts = async (): Promise<string[]> => (await everything(here)).map(({ text }) => text);

  test("counts first, and without an answer deletes nothing", async () => {
    expect(failure(await here.cct("purge"))).toBe(
      "This would delete 3 messages. Nothing was deleted. To delete them: --yes",
    );
    expect(await texts()).toHaveLength(5);
  });

  test("deletes what the filters mean, but nothing that somebody has not read", async () => {
    expect(success(await here.cct("purge", "--with", "ann", "--yes"))).toBe(
      "3 messages deleted. Kept: 2 messages that somebody has not read (--unread deletes what waits).\n",
    );
    expect(await texts()).toEqual(["waits 1", "waits 0"]);
    expect(success(await here.cct("purge", "--yes"))).toMatch(/^Nothing is deleted\. Kept: 2 messages/);
  });

  test("with --unread ends what waits, and tells its senders", async () => {
    expect(JSON.parse(success(await here.cct("purge", "--unread", "--yes", "--json")))).toEqual({
      deleted: 2,
      waiting: 2,
      kept: 0,
    });
    const left = await everything(here);
    expect(left.every(({ from }) => from === "cct")).toBe(true);
    const told = left.map(({ text }) => text).join("\n");
    expect(told).toMatch(/the operator deleted it/);
    expect(told).not.toMatch(/waits [01]/);
    expect((await ok(here.broker, "check_messages", {}, peers[1])).messages).toEqual([]);
  });

  test("of nothing says so", async () => {
    expect(success(await here.cct("purge", "--state", "refused", "--yes"))).toBe("No message matches.\n");
  });
});
