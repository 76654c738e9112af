/** What a search costs: SQLite's lookups in the index of words, which its steps do not show. */
import { describe, expect, test } from "vitest";
import { indexSome } from "../../src/operations/support/word-index.ts";
import { integer } from "../../src/store/row.ts";
import { markUnindexed } from "../../src/store/search.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { notRun } from "../support/not-run.ts";
import type { TestPeer } from "../support/peers.ts";
import { mailFor } from "../support/rows.ts";
import { countableStore } from "../support/steps.ts";

/** One to whom another sent `n` messages, with words that begin alike. */
async function mailbox(works: Clockwork, n: number): Promise<TestPeer> {
  const me = await works.newPeer("me");
  const mail = mailFor(me, await works.newPeer("other"), n, works.now(), "read");
  await works.fill(
    "messages",
    mail.messages.map((row, i) => ({ ...row, text: `common comb${i % 50} word${i % 20}` })),
  );
  await works.fill("deliveries", mail.deliveries);
  await works.environment.store.tx(markUnindexed);
  while (await works.environment.store.tx(indexSome, "snapshot"));
  return me;
}

const probe = await countableStore();
await probe?.close();
const isCounted = probe !== undefined || !notRun("what a search costs", "this SQLite counts no steps");

describe.skipIf(!isCounted)(
  "the beginning of a word is looked up a few times, however many messages are looked at",
  () => {
    test.each([
      ["by a peer, with a filter that nothing passes", { query: "com*", state: "held" }, true],
      ["by the operator, with a filter that nothing passes", { query: "com* wor*", state: "held" }, false],
      ["together with a rare word", { query: "com* nothing" }, false],
      ["with the newest as a result", { query: "com*", limit: 100 }, false],
    ] as const)("%s", async (_, input, byPeer) => {
      const store = await countableStore();
      if (!store) throw new Error("SQLite does not count steps");
      const works = await openClockwork(undefined, store);
      const me = await mailbox(works, 600);
      /** In the parts of the index: a few for each time that the index is asked. */
      const lookups = async (): Promise<number> => {
        const [row] = await store.read((sql) =>
          sql(
            `SELECT coalesce(sum(run), 0) AS lookups FROM sqlite_stmt WHERE sql LIKE 'SELECT pgno%message_words_idx%'`,
          ),
        );
        return row ? integer(row, "lookups") : 0;
      };
      await works.call("search", input, byPeer ? me : undefined);
      const before = await lookups();
      await works.call("search", input, byPeer ? me : undefined);
      const made = (await lookups()) - before;
      expect(made).toBeGreaterThan(0);
      expect(made).toBeLessThan(100);
    });
  },
);
