/** Charges mail to the peer that causes it: shares of mailboxes and wakes, and the rate of reports. */
import {
  guardOnReports,
  HOUR_MS,
  lastMinute,
  mayAnybodyWake,
  mayWake,
  NO_WAKES,
  type TrippedGuard,
  type Wakes,
} from "../../rules/guards.ts";
import { SKEW_MS } from "../../rules/presence.ts";
import { isNearlyFull, MAX_MAILBOX_CHARACTERS, type Mailbox, NO_MAIL } from "../../rules/quotas.ts";
import { backlogOf, claimedPayers, mailboxOf } from "../../store/inbox.ts";
import { chargedTo, wakesOf } from "../../store/usage.ts";
import { type Context, NotedError } from "../core/operation.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { guardNote, note } from "./notes.ts";

/** A peer's mailbox as `payer` finds it. What is the payer's own is read only where it matters. */
export async function mailboxFor(
  { sql, limits }: Pick<Context, "sql" | "limits">,
  peerId: string,
  payer: string | null,
): Promise<Mailbox> {
  const all = await mailboxOf(sql, peerId, MAX_MAILBOX_CHARACTERS);
  const own =
    payer !== null && isNearlyFull(all, limits.mailbox_messages) ? await backlogOf(sql, peerId, payer) : NO_MAIL;
  return { ...all, own };
}

/** Whether mail of `payer` may wake a peer now. */
export async function canWake(context: TransactionContext, peerId: string, payer: string | null): Promise<boolean> {
  return mayWake(context.limits, await recentWakes(context, peerId), payer);
}

/** Whether the mail that a peer has claimed may wake it: that of one of its senders is enough. */
export async function canClaimsWake(context: TransactionContext, peerId: string): Promise<boolean> {
  const wakes = await recentWakes(context, peerId);
  if (mayAnybodyWake(context.limits, wakes)) return true;
  return (await claimedPayers(context.sql, peerId)).some((payer) => mayWake(context.limits, wakes, payer));
}

async function recentWakes({ sql, now, limits }: TransactionContext, peerId: string): Promise<Wakes> {
  return limits.wakes_per_hour === 0 ? NO_WAKES : wakesOf(sql, peerId, now - HOUR_MS, now + SKEW_MS);
}

/**
 * The peer that a report of the current call is charged to; `null` for the operator and the clock. Throws `rate_limited`, and
 * notes it for the operator, when that peer has caused too much mail already.
 */
export async function payerOfReport(context: TransactionContext): Promise<string | null> {
  const { sql, limits, cause } = context;
  if (!cause) return null;
  if (cause.isAdmitted) return cause.peer_id;
  const tripped = guardOnReports(limits, await chargedTo(sql, cause.peer_id, lastMinute(context)));
  if (tripped) throw guardError(tripped, cause.name);
  cause.isAdmitted = true;
  return cause.peer_id;
}

/** The error for a tripped guard. `from`: the peer's name; `to`: the address that it wrote to. */
export function guardError(tripped: TrippedGuard, from: string, to?: string): NotedError {
  const { subject, text } = guardNote(tripped, from, to);
  return new NotedError("rate_limited", tripped.message, tripped.hint, (context) => note(context, subject, text));
}
