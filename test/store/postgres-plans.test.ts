/** How PostgreSQL runs what is asked about waiting mail: it reads no more rows when ten times as much waits. */

import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { openPostgres } from "../../src/store/drivers/postgres.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import { listPeers } from "../../src/store/peer-list.ts";
import { root } from "../support/folders.ts";
import { ask, hasPostgres, startPostgres } from "../support/postgres.ts";
import { flatReads, statementsOf } from "./waiting-reads.ts";

/** What one read may look at: a count's limit for each state, and what is joined to it. */
const MOST_ROWS = 1_000;
const WAITING = 20_000;

/** A step of a plan that ran. */
interface Step {
  "Node Type": string;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  Plans?: Step[];
}

/** Rows that a plan read from tables and indexes. */
function rowsRead(step: Step): number {
  const isScan = step["Node Type"].includes("Scan") && !/Subquery|CTE|Function/.test(step["Node Type"]);
  const own = isScan ? step["Actual Loops"] * (step["Actual Rows"] + (step["Rows Removed by Filter"] ?? 0)) : 0;
  return (step.Plans ?? []).reduce((sum, one) => sum + rowsRead(one), own);
}

function planIn(rows: Record<string, unknown>[] = []): Step {
  const [{ Plan: plan } = { Plan: undefined }] = (rows[0]?.["QUERY PLAN"] ?? []) as { Plan?: Step }[];
  if (!plan) throw new Error("no plan");
  return plan;
}

/** Mail of peer "q" to the peer "p", and to a thousand others of whom most have little that waits, as the planner will think of all. */
const FILL = [
  `INSERT INTO peers (peer_id, name, name_key, secret_hash, host, claude_pid, cwd, summary, presence, last_seen, created_at)
   SELECT id, id, id, 'none', 'box', 1, '/', '', 'idle', 0, 0
   FROM (SELECT 'p' AS id UNION ALL SELECT 'q' UNION ALL SELECT 'r' || n FROM generate_series(1, 1000) n) ids`,
  `INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, urgency, text, sent_at, hops, answer, target)
   SELECT 'm' || n, n, 'q', 'q', 'p', 't', CASE WHEN n % 10 = 0 THEN 'interrupt' ELSE 'normal' END, 'text', 0, 0, '{}', 'p'
   FROM generate_series(1, ${WAITING}) n`,
  `INSERT INTO deliveries (message_id, peer_id, seq, state, attempt, redelivered, payer, rank, characters)
   SELECT 'm' || n, 'p', n, CASE WHEN n % 2 = 0 THEN 'queued' ELSE 'held' END, 0, 0, 'q', CASE WHEN n % 10 = 0 THEN 0 ELSE 1 END, 4
   FROM generate_series(1, ${WAITING}) n`,
  `INSERT INTO deliveries (message_id, peer_id, seq, state, attempt, redelivered, payer)
   SELECT 'm' || n, 'r' || (n % 1000 + 1), n, CASE WHEN n <= ${WAITING} / 2 THEN 'read' WHEN n % 5 = 0 THEN 'held' ELSE 'queued' END, 1, 0, 'q'
   FROM generate_series(1, ${WAITING}) n`,
  "VACUUM ANALYZE",
];

describe.skipIf(!hasPostgres("how PostgreSQL reads waiting mail"))("PostgreSQL", () => {
  let url: string;
  const open = () => openPostgres({ url, pool: 1, random: Math.random });

  beforeAll(async () => {
    url = await (await startPostgres()).database();
    const store = open();
    await migrate(store, await readMigrations(join(root, "migrations")), 0);
    await store.close();
    for (const statement of FILL) await ask(url, statement);
  });

  // The driver names its statements, so that PostgreSQL may plan them without their values.
  describe.each(["force_custom_plan", "force_generic_plan"])("with %s", (mode) => {
    test.each(flatReads)("reads few rows for %s", async (_, read) => {
      const store = open();
      const statements = await store.read((sql) => statementsOf(sql, read));
      await store.close();
      expect(statements.length).toBeGreaterThan(0);
      for (const [text, values] of statements) {
        const literals = values.map((value) => (typeof value === "number" ? String(value) : `'${value}'`));
        const [, , explained] = await askAll([
          `SET plan_cache_mode = ${mode}`,
          `PREPARE asked AS ${text}`,
          `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked${literals.length > 0 ? `(${literals.join(", ")})` : ""}`,
        ]);
        const plan = planIn(explained);
        expect(rowsRead(plan), `${text}\n${JSON.stringify(plan, undefined, 1)}`).toBeLessThanOrEqual(MOST_ROWS);
      }
    });
  });

  test("reads few rows for a list of peers, also when nearly all mail is in one full mailbox", async () => {
    const full = await (await startPostgres()).database();
    const store = openPostgres({ url: full, pool: 1, random: Math.random });
    try {
      await migrate(store, await readMigrations(join(root, "migrations")), 0);
      const [peers = "", messages = "", toOne = ""] = FILL;
      for (const statement of [peers, messages, toOne, "ANALYZE"]) await ask(full, statement);
      const filter = { me: "q", pool_id: undefined, host: undefined, repo: undefined, since: 0 };
      const page = { ...filter, live: false, after: undefined, limit: 50 };
      const [[text, values] = ["", []]] = await store.read((sql) =>
        statementsOf(sql, (noted) => listPeers(noted, page)),
      );
      const literals = values.map((value) => (typeof value === "number" ? String(value) : `'${value}'`));
      const plain = text.replace(/\$(\d+)/g, (_, n) => literals[Number(n) - 1] ?? "NULL");
      // By the driver: with the settings of its connections.
      const plan = planIn(await store.read((sql) => sql(`EXPLAIN (ANALYZE, FORMAT JSON) ${plain}`)));
      // It orders a thousand peers, and counts a hundred messages.
      expect(rowsRead(plan), JSON.stringify(plan, undefined, 1)).toBeLessThanOrEqual(3 * MOST_ROWS);
    } finally {
      await store.close();
    }
  });

  async function askAll(texts: string[]): Promise<Record<string, unknown>[][]> {
    const client = new (await import("pg")).default.Client(url);
    await client.connect();
    try {
      const all = [];
      for (const text of texts) all.push((await client.query(text)).rows);
      return all;
    } finally {
      await client.end();
    }
  }
});
