/** A search finds what was just sent, before its words are in the index as well as after. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { createIndexing } from "../../src/broker/background/word-index.ts";
import { hasWords, queryOf } from "../../src/rules/search.ts";
import { lastSeq } from "../../src/store/messages.ts";
import { indexedPart } from "../../src/store/search.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { onPostgres } from "../support/database.ts";
import { newMessageId, type TestPeer } from "../support/peers.ts";

let works: Clockwork;
let ann: TestPeer;
let index: () => Promise<void>;

beforeAll(async () => {
  works = await openClockwork();
  ann = await works.newPeer("ann");
  await works.newPeer("ben");
  index = createIndexing(works.environment.store, () => false);
});

async function search(query: string, as?: TestPeer, limit = 7): Promise<string[]> {
  const ids: string[] = [];
  for (let before: number | undefined; ; ) {
    const page = await works.call("search", { query, limit, ...(before !== undefined && { before }) }, as);
    ids.push(...page.messages.map((one) => one.message_id));
    if (page.next === undefined) return ids;
    before = page.next;
  }
}

const send = async (text: string, from?: TestPeer): Promise<string> =>
  (await works.call("send_message", { to: "ben", text }, from)).message_id;

test("with the same answers, page by page: those whose text has the words, in the order of sending", async () => {
  const words = ["port", "ports", "porta", "Pört", "日本", "本日", "a", "b", "x9", "-", "a-b", "ports.ts", "·"];
  const text = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 12 }).map((parts) => parts.join(" "));
  const part = fc.oneof(
    fc.constantFrom(...words, "port*", "por*", "日*", "nothing"),
    fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 3 }).map((all) => `"${all.join(" ")}"`),
    fc.constantFrom('"a port"*', '"a b"', '"b a b"', '"x9 por"*'),
  );
  const query = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(" "));
  const all: { message_id: string; text: string; by: TestPeer | undefined }[] = [];
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { maxLength: 8 }),
      fc.array(query, { minLength: 4, maxLength: 4 }),
      async (texts, asked) => {
        for (const [i, one] of texts.entries()) {
          const by = i % 2 ? ann : undefined;
          all.unshift({ message_id: await send(one, by), text: one, by });
        }
        const queries = asked.filter((one) => queryOf(one).length > 0);
        const answers = async () => ({
          all: await Promise.all(queries.map((one) => search(one))),
          ofAnn: await Promise.all(queries.map((one) => search(one, ann))),
        });
        const before = await answers();
        const meant = (one: string) => all.filter((m) => hasWords(m.text, queryOf(one)));
        expect(before).toEqual({
          all: queries.map((one) => meant(one).map((m) => m.message_id)),
          ofAnn: queries.map((one) =>
            meant(one)
              .filter((m) => m.by === ann)
              .map((m) => m.message_id),
          ),
        });
        await index();
        expect(await answers()).toEqual(before);
      },
    ),
    { numRuns: 15 },
  );
});

test("and what is sent after an import of that very moment", async () => {
  const [seq, sent_at] = [works.now() * 1000 + 999, works.now()];
  const message_id = newMessageId();
  const place = { from: "f".repeat(32), from_name: "old", to: "ben", recipients: [], thread_id: message_id };
  const message = { message_id, seq, urgency: "normal" as const, text: "an imported needle", sent_at, ...place };
  await works.call("import_messages", { messages: [message] });
  expect(await search("needle")).toEqual([message_id]);
  await index();
  const sent = await send("a needle, too");
  expect(await search("needle")).toEqual([sent, message_id]);
  await index();
  expect(await search("needle")).toEqual([sent, message_id]);
  // One of the past is added at once.
  const older = { ...message, message_id: newMessageId(), seq: 5_000, sent_at: 5 };
  await works.call("import_messages", { messages: [older] });
  expect(await search("needle")).toEqual([sent, message_id, older.message_id]);
});

describe.skipIf(onPostgres)("on SQLite", () => {
  test("a send leaves its words to the next step, which empties what is left", async () => {
    const { store } = works.environment;
    await index();
    const { to } = await store.read(indexedPart);
    await send("later");
    expect(await store.read(indexedPart)).toEqual({ from: 0, to });
    expect(await store.read((sql) => sql("SELECT rowid FROM message_words WHERE words MATCH 'later'"))).toEqual([]);
    await index();
    expect(await store.read((sql) => sql("SELECT rowid FROM message_words WHERE words MATCH 'later'"))).toHaveLength(1);
  });

  test("after a start, numbers go on behind the indexed part, also when its messages are gone and the clock was set back", async () => {
    const { store } = works.environment;
    await send("the last");
    await index();
    await store.tx(async (sql) => {
      await sql("DELETE FROM deliveries");
      await sql("DELETE FROM messages");
    });
    const { to } = await store.read(indexedPart);
    expect(await store.read(lastSeq)).toBeGreaterThanOrEqual(to);
  });
});
