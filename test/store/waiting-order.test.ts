/** Waiting mail in databases from before its order was stored: the migration gives each delivery its place. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { mailboxOf } from "../../src/store/inbox.ts";
import { queuedMail } from "../../src/store/messages.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import type { Sql } from "../../src/store/store.ts";
import { openClockwork } from "../support/clockwork.ts";
import { newStore } from "../support/database.ts";
import { root } from "../support/folders.ts";

const BEFORE = 25;

const mail = async (sql: Sql, id: string, seq: number, urgency: string, state: string): Promise<void> => {
  await sql(
    `INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, urgency, text, sent_at, hops, answer)
     VALUES ($1, $2, 'q', 'q', 'p', 't', $3, 'hello', 1, 0, '{}')`,
    id,
    seq,
    urgency,
  );
  await sql(
    "INSERT INTO deliveries (message_id, peer_id, seq, state, attempt, redelivered) VALUES ($1, 'p', $2, $3, 0, 0)",
    id,
    seq,
    state,
  );
};

test("an interrupt that waits comes first, also when it ended unread and is sent again", async () => {
  const store = await newStore();
  await migrate(store, (await readMigrations(join(root, "migrations"))).slice(0, BEFORE), 0);
  await store.tx(async (sql) => {
    await sql(
      `INSERT INTO peers (peer_id, name, name_key, secret_hash, host, claude_pid, cwd, summary, presence, last_seen, created_at)
       VALUES ('p', 'p', 'p', '', 'box', 1, '/', '', 'idle', 1, 1)`,
    );
    await mail(sql, "normal-1", 1, "normal", "queued");
    await mail(sql, "urgent-2", 2, "interrupt", "dead");
    await mail(sql, "low-3", 3, "low", "held");
    await mail(sql, "urgent-4", 4, "interrupt", "queued");
    await mail(sql, "urgent-5", 5, "interrupt", "read");
  });
  // Migrates.
  const works = await openClockwork(undefined, store);
  await works.call("resend_message", { message_id: "urgent-2" });
  await store.read(async (sql) => {
    const order = async (which: "all" | "interrupt") =>
      (await queuedMail(sql, "p", which, 0, 10)).map((one) => one.message_id);
    expect(await order("all")).toEqual(["urgent-2", "urgent-4", "normal-1"]);
    expect(await order("interrupt")).toEqual(["urgent-2", "urgent-4"]);
    expect(await mailboxOf(sql, "p")).toEqual({ messages: 4, characters: 4 * "hello".length });
  });
});
