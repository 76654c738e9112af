/** Rows that the SQLite driver remembers: always what the database would answer, and read once. */
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { createRowMemory } from "../../src/store/drivers/sqlite-memory.ts";
import type { Row, Sql, Value } from "../../src/store/store.ts";
import { tempFolder } from "../support/folders.ts";

const REMEMBERED = "SELECT source, policy FROM policies WHERE peer_id = $1";
/** The same with an alias, which is not remembered. */
const READ = "SELECT p.source, p.policy FROM policies p WHERE p.peer_id = $1";

const PEERS = ["ann", "bob"];
const change = fc.record({
  what: fc.constantFrom("insert", "update", "delete", "replace", "another table"),
  peer: fc.constantFrom(...PEERS),
  policy: fc.constantFrom("hold", "refuse"),
});
const work = fc.record({ changes: fc.array(change, { maxLength: 4 }), fails: fc.boolean() });
/** Works of one group run at the same time. */
const groups = fc.array(fc.array(work, { minLength: 1, maxLength: 4 }), { maxLength: 8 });

async function make(sql: Sql, { what, peer, policy }: { what: string; peer: string; policy: string }): Promise<void> {
  if (what === "insert") await sql("INSERT INTO policies (peer_id, source, policy) VALUES ($1, 'x', $2)", peer, policy);
  else if (what === "update") await sql("UPDATE policies SET policy = $2 WHERE peer_id = $1", peer, policy);
  else if (what === "delete") await sql("DELETE FROM policies WHERE peer_id = $1", peer);
  else if (what === "replace") await sql("INSERT OR REPLACE INTO policies VALUES ($1, 'x', $2)", peer, policy);
  else await sql("INSERT INTO others (policy) VALUES ($1)", policy);
}

test("whatever was written or undone before, the driver answers what the database contains", async () => {
  const store = await openSqlite(join(tempFolder(), "cct.db"));
  onTestFinished(() => store.close());
  await store.tx(async (sql) => {
    await sql("CREATE TABLE policies (peer_id TEXT, source TEXT, policy TEXT, PRIMARY KEY (peer_id, source))");
    await sql("CREATE TABLE others (policy TEXT)");
  });
  async function compare(sql: Sql): Promise<void> {
    for (const peer of PEERS) expect(await sql(REMEMBERED, peer)).toEqual(await sql(READ, peer));
  }
  await fc.assert(
    fc.asyncProperty(groups, async (all) => {
      for (const group of all) {
        await Promise.allSettled(
          group.map(({ changes, fails }) =>
            store.tx(async (sql) => {
              await compare(sql);
              for (const one of changes) {
                await make(sql, one);
                await compare(sql);
              }
              if (fails) throw new Error("undone");
            }),
          ),
        );
        await store.tx(compare);
      }
    }),
    { numRuns: 40 },
  );
});

test("a peer is read once, until peers are written", () => {
  const memory = createRowMemory();
  let reads = 0;
  const read = (): Row[] => {
    reads++;
    return [{ name: "ann" }];
  };
  const peer = memory.around("SELECT peer_id, name FROM peers WHERE peer_id = $1 LIMIT 1", read);
  const write = memory.around("UPDATE peers SET name = $2 WHERE peer_id = $1", () => []);
  const other = memory.around("INSERT INTO messages (message_id) VALUES ($1)", () => []);
  const ids: Value[][] = [["a"], ["a"], ["b"], ["a"]];
  for (const id of ids) peer(id);
  other(["m"]);
  peer(["a"]);
  expect(reads).toBe(2);
  write(["a", "bob"]);
  peer(["a"]);
  expect(reads).toBe(3);
  memory.around("ROLLBACK", () => [])([]);
  peer(["a"]);
  expect(reads).toBe(4);
});

test("what reads more than one table, or changes with every send, is not remembered", () => {
  const memory = createRowMemory();
  for (const text of [
    "SELECT p.name FROM peers p JOIN members m ON m.peer_id = p.peer_id WHERE m.pool_id = $1",
    "SELECT name FROM peers WHERE peer_id IN (SELECT m.peer_id FROM members m WHERE m.pool_id = $1)",
    "SELECT name FROM peers WHERE peer_id = $1 UNION SELECT name FROM pools",
    "SELECT name, (SELECT count(*) FROM messages) AS messages FROM peers WHERE peer_id = $1",
    "SELECT name FROM peers, members WHERE members.peer_id = $1",
    "SELECT text FROM messages WHERE message_id = $1",
  ]) {
    let reads = 0;
    const read = memory.around(text, () => {
      reads++;
      return [];
    });
    read(["a"]);
    read(["a"]);
    expect(reads, text).toBe(2);
  }
});
