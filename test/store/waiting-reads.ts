/** What is asked about waiting mail, of the peer "p". */

import { openDeliveries } from "../../src/store/deliveries.ts";
import { heldDeliveries, heldMail } from "../../src/store/held.ts";
import * as inbox from "../../src/store/inbox.ts";
import { queuedMail } from "../../src/store/messages.ts";
import { countWaiting } from "../../src/store/removal.ts";
import type { Sql, Value } from "../../src/store/store.ts";

/** Reads whose cost does not grow with the mail that waits. */
export const flatReads: [string, (sql: Sql) => Promise<unknown>][] = [
  ["queued mail", (sql) => queuedMail(sql, "p", "all", 0, 20)],
  ["queued interrupts", (sql) => queuedMail(sql, "p", "interrupt", 0, 20)],
  ["claimed deliveries", (sql) => openDeliveries(sql, "p", ["claimed"])],
  ["what a return settles", (sql) => openDeliveries(sql, "p", ["claimed", "delivered"])],
  ["whose mail is claimed", (sql) => inbox.claimedPayers(sql, "p")],
  ["the number of claims", (sql) => inbox.countClaims(sql, "p")],
  ["the number of queued messages", (sql) => inbox.countQueued(sql, "p", 0)],
  ["the number of unread messages", (sql) => inbox.countUnread(sql, "p")],
  ["several mailboxes", (sql) => inbox.countBoxes(sql, ["p", "q"], 200)],
  ["what a heartbeat answers", (sql) => inbox.inboxOf(sql, "p", 0)],
  ["who got mail since", (sql) => inbox.peersWithMailSince(sql, ["p", "q"], 1_000_000)],
  ["held mail", (sql) => heldMail(sql, "p", undefined, 10)],
  ["held deliveries", (sql) => heldDeliveries(sql, "p")],
];

/** Reads of a whole mailbox: the limit on mailboxes bounds them. */
export const wholeReads: typeof flatReads = [
  ["open deliveries", (sql) => openDeliveries(sql, "p", ["queued", "claimed", "delivered"])],
  ["the size of a mailbox", (sql) => inbox.mailboxOf(sql, "p")],
  ["one payer's part of it", (sql) => inbox.backlogOf(sql, "p", "q")],
  ["what would be lost with a peer", (sql) => countWaiting(sql, "p", 100)],
];

/** The statements of a read, with their values. */
export async function statementsOf(sql: Sql, read: (sql: Sql) => Promise<unknown>): Promise<[string, Value[]][]> {
  const asked: [string, Value[]][] = [];
  await read((text, ...values) => {
    asked.push([text, values]);
    return sql(text, ...values);
  });
  return asked;
}
