/** Full-text search: what it finds, for whom, and that its index follows the messages. */
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { indexSome } from "../../src/operations/support/word-index.ts";
import { queryOf, wordsOf } from "../../src/rules/search.ts";
import { searchMessages } from "../../src/store/message-filter.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import { indexedPart, markUnindexed, wordQuery } from "../../src/store/search.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { newStore } from "../support/database.ts";
import { root } from "../support/folders.ts";
import type { TestPeer } from "../support/peers.ts";
import { mailFor } from "../support/rows.ts";
import { rejectedBy } from "../support/thrown.ts";

let works: Clockwork;
let ann: TestPeer;
let ben: TestPeer;
let cid: TestPeer;

beforeAll(async () => {
  works = await openClockwork();
  [ann, ben, cid] = [await works.newPeer("ann"), await works.newPeer("ben"), await works.newPeer("cid")];
  await works.call("create_pool", { name: "tools", purpose: "to test" }, ann);
  await works.call("join_pool", { pool: "tools" }, ben);
  for (const [from, to, text] of [
    [ann, "ben", "The port is 5433, see src/store/messages.ts"],
    [ben, "ann", "Müller says: the port of form-2 is closed"],
    [ann, "@tools", "migrations are done"],
    [undefined, "cid", "日本語の文章, and ports"],
  ] as const) {
    await works.call("send_message", { to, text }, from);
    works.setOn(60_000);
  }
  for (const peer of [ann, cid]) {
    const { messages } = await works.call("check_messages", {}, peer);
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
    await works.call("ack_messages", { acks, via: "check", batch: "b" }, peer);
  }
});

const found = async (query: string, more: object = {}, as?: TestPeer): Promise<string[]> =>
  (await works.call("search", { query, ...more }, as)).messages.map((one) => one.snippet);

const PORT = "The port is 5433, see src/store/messages.ts";
const FORM = "Müller says: the port of form-2 is closed";
const JAPANESE = "日本語の文章, and ports";

describe("a search finds", () => {
  test.each([
    ["port", [FORM, PORT]],
    ["PORT 5433", [PORT]],
    ["ports* is", []],
    ["port*", [JAPANESE, FORM, PORT]],
    ["muller", [FORM]],
    ["form-2", [FORM]],
    ["2-form", []],
    ['"port is"', [PORT]],
    ['"is port"', []],
    ["messages.ts", [PORT]],
    ["本語", [JAPANESE]],
    ["語本", []],
    ["port AND 5433", []],
    ["nothing", []],
  ])("%s", async (query, texts) => {
    expect(await found(query)).toEqual(texts);
  });

  test("with filters", async () => {
    expect(await found("port", { from: "ann" })).toEqual([PORT]);
    expect(await found("port*", { with: "cid" })).toEqual([JAPANESE]);
    expect(await found("done", { pool: "tools" })).toEqual(["migrations are done"]);
    expect(await found("port", { pool: "tools" })).toEqual([]);
    expect(await found("port", { since: works.now() - 200_000 })).toEqual([FORM]);
    expect(await found("port", { before: (works.now() - 200_000) * 1000 })).toEqual([PORT]);
    expect(await found("port", { state: "queued" })).toEqual([PORT]);
    expect(await found("port", { state: "dead" })).toEqual([]);
  });

  test("to a peer only what it sent or received, with any filter", async () => {
    expect(await found("port*", {}, ann)).toEqual([FORM, PORT]);
    expect(await found("port*", {}, cid)).toEqual([JAPANESE]);
    expect(await found("port*", { from: "ann" }, cid)).toEqual([]);
    expect(await found("port*", { with: "ben" }, cid)).toEqual([]);
    expect(await found("done", { pool: "tools" }, cid)).toEqual([]);
  });

  test("to a peer nothing that still waits for it, is held, or was refused", async () => {
    expect(await found("port", {}, ben)).toEqual([FORM]);
    await works.call("inbound_policy", { peer: "cid", from: "ann", policy: "hold" });
    await works.call("send_message", { to: "cid", text: "a portable secret" }, ann);
    expect(await found("portable", {}, ann)).toEqual(["a portable secret"]);
    expect(await found("portable", {}, cid)).toEqual([]);
  });

  test("nothing in a pool that is hidden from the caller, as in one that does not exist", async () => {
    await works.call("create_pool", { name: "den", purpose: "x", private: true }, ann);
    const hidden = await rejectedBy(works.call("search", { query: "port", pool: "den" }, cid));
    const missing = await rejectedBy(works.call("search", { query: "port", pool: "dem" }, cid));
    expect(String(hidden)).toBe(String(missing).replaceAll("dem", "den"));
  });
});

test("a result says where the words are, and what became of the message", async () => {
  const [one] = (await works.call("search", { query: "5433" })).messages;
  expect(one).toMatchObject({ from_name: "ann", to: "ben", states: [{ state: "queued", recipients: 1 }] });
  expect(one?.hits.map(([from, to]) => one.snippet.slice(from, to))).toEqual(["5433"]);
});

test("a query without a word is refused", async () => {
  expect(await rejectedBy(works.call("search", { query: '"*" -- ()' }))).toMatchObject({ code: "bad_request" });
});

test.each([
  ["17 words", Array.from({ length: 17 }, (_, i) => `w${i}`).join(" "), "A search takes at most 16 words."],
  ["a phrase of 17 words", `"${"a ".repeat(17)}"`, "A search takes at most 16 words."],
  ["five beginnings", "one* two* thr* fou* fiv*", "A search takes at most 4 beginnings of words."],
])("a query of %s is refused", async (_, query, message) => {
  expect(await rejectedBy(works.call("search", { query }))).toMatchObject({ code: "bad_request", message });
});

test("a phrase is found where its words have occurred up to 255 times, a word everywhere", async () => {
  for (const [n, last] of [
    [254, "near"],
    [255, "far"],
  ] as const)
    await works.call("send_message", { to: "ann", text: `${"often x ".repeat(n)} often ${last}` }, ben);
  const count = async (query: string) => (await works.call("search", { query })).messages.length;
  expect(await count("often near")).toBe(1);
  expect(await count("often far")).toBe(1);
  expect(await count('"often near"')).toBe(1);
  expect(await count('"often far"')).toBe(0);
});

test("whatever is typed is no syntax: it finds, or it finds nothing", async () => {
  const typed = fc.string({
    unit: fc.constantFrom(..."port5 \"'*()&|!<>:-+^{}\\%_;\n", " AND ", " OR ", " NOT ", "NEAR(", "words:"),
    minLength: 1,
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(typed, async (query) => {
      if (queryOf(query).length === 0) return;
      for (const snippet of await found(query)) {
        const words = wordsOf(snippet);
        for (const one of queryOf(query).flatMap((term) => term.words))
          expect(words.some((word) => word.startsWith(one))).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

describe("with many messages", () => {
  const MANY = 3_000;
  let many: Clockwork;
  let a: TestPeer;
  let c: TestPeer;
  beforeAll(async () => {
    many = await openClockwork();
    [a, c] = [await many.newPeer("a"), await many.newPeer("c")];
    const b = await many.newPeer("b");
    const { messages, deliveries } = mailFor(b, a, MANY, many.now(), "read");
    const texts = messages.map((row, i) => ({
      ...row,
      text: i === 5 ? "a needle" : `growth ${i % 2 ? "odd" : "even"}`,
      // One in a thousand is another's.
      ...(i % 1000 === 7 && { from_id: c.peer_id }),
    }));
    await many.fill("messages", texts);
    await many.fill("deliveries", deliveries);
    await many.environment.store.tx(markUnindexed);
  });
  const store = () => many.environment.store;

  test("those from before the index are added in small steps, the newest first, and the answer says how far", async () => {
    expect((await many.call("search", { query: "growth" })).messages).toEqual([]);
    expect(await store().tx(indexSome, "snapshot")).toBe(true);
    const first = await many.call("search", { query: "growth", limit: 100 });
    expect(first.messages).toHaveLength(100);
    expect(first.indexed_since).toBeDefined();
    let steps = 1;
    while (await store().tx(indexSome, "snapshot")) steps++;
    expect(steps).toBe(MANY / 100);
    expect(await store().read(indexedPart)).toMatchObject({ from: 0 });
    expect(await many.call("search", { query: "needle" })).toMatchObject({ messages: [{ snippet: "a needle" }] });
    expect(await many.call("search", { query: "needle" })).not.toHaveProperty("indexed_since");
    // What is there is not added again.
    await store().tx(markUnindexed);
    while (await store().tx(indexSome, "snapshot"));
    const { messages } = await many.call("search", { query: "needle" });
    expect(messages).toHaveLength(1);
  });

  test("all are found page by page: of a frequent word, of a rare one, and of somebody with few", async () => {
    const all = async (query: string, participants: string[]): Promise<number[]> => {
      const filter = { participants, words: wordQuery(queryOf(query)) };
      const seqs: number[] = [];
      for (let before: number | undefined; ; ) {
        const page = await store().read(async (sql) =>
          searchMessages(sql, filter, (await indexedPart(sql)).to, before, 100),
        );
        seqs.push(...page.messages.map((m) => m.seq));
        if (page.next === undefined) return seqs;
        before = page.next;
      }
    };
    const down = (n: number, isMeant: (i: number) => boolean): number[] =>
      Array.from({ length: n }, (_, i) => n - i).filter((seq) => isMeant(seq - 1));
    expect(await all("growth", [])).toEqual(down(MANY, (i) => i !== 5));
    expect(await all("odd", [])).toEqual(down(MANY, (i) => i % 2 === 1 && i !== 5));
    expect(await all("needle", [])).toEqual([6]);
    // Of a beginning, too.
    expect(await all("gro* odd", [])).toEqual(down(MANY, (i) => i % 2 === 1 && i !== 5));
    expect(await all("grow*", [c.peer_id])).toEqual(down(MANY, (i) => i % 1000 === 7));
    expect(await all("need*", [c.peer_id])).toEqual([]);
    expect(await all("growth", [c.peer_id])).toEqual(down(MANY, (i) => i % 1000 === 7));
    expect(await all("needle", [c.peer_id])).toEqual([]);
    expect(await all("growth", [a.peer_id])).toEqual(down(MANY, (i) => i !== 5 && i % 1000 !== 7));
  });
});

test("what retention deletes is gone from the index", async () => {
  const old = await openClockwork();
  const [a, b] = [await old.newPeer("a"), await old.newPeer("b")];
  await old.call("send_message", { to: "b", text: "a needle" }, a);
  const { messages } = await old.call("check_messages", {}, b);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
  await old.call("ack_messages", { acks, via: "check", batch: "b" }, b);
  while (await old.environment.store.tx(indexSome, "snapshot"));
  const count = async () => (await old.environment.store.read((sql) => sql("SELECT rowid FROM message_words"))).length;
  expect(await count()).toBeGreaterThan(0);
  old.setOn(40 * 86_400_000);
  await old.clear({
    keep_read_days: 30,
    keep_failed_days: 30,
    keep_notes_days: 30,
    keep_peers_days: 0,
    keep_pools_days: 0,
  });
  expect((await old.call("messages", {})).messages).toEqual([]);
  expect(await count()).toBe(0);
  expect((await old.call("search", { query: "needle" })).messages).toEqual([]);
});

test("an older database is searched as far as its index is built", async () => {
  const store = await newStore();
  const migrations = await readMigrations(join(root, "migrations"));
  const words = migrations.findIndex(({ name }) => name.endsWith("message_words.sql"));
  await migrate(store, migrations.slice(0, words), 1);
  await store.tx((sql) =>
    sql(
      `INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, urgency, text, sent_at, hops, answer, target)
       VALUES ('old', 5000, 'operator', 'operator', 'nobody', 'old', 'normal', 'an old needle', 5, 0, '{}', 'x')`,
    ),
  );
  const upgraded = await openClockwork(undefined, store);
  const { message_id } = await upgraded.call("send_message", {
    to: (await upgraded.newPeer("a")).name,
    text: "a new needle",
  });
  const before = await upgraded.call("search", { query: "needle" });
  expect(before.messages.map((one) => one.message_id)).toEqual([message_id]);
  expect(before.indexed_since).toBe(6);
  while (await store.tx(indexSome, "snapshot"));
  expect((await upgraded.call("search", { query: "needle" })).messages.map((one) => one.message_id)).toEqual([
    message_id,
    "old",
  ]);
});
