/** Charges mail to the peer that causes it: shares of mailboxes and wakes, and the rate of reports. */
import {
  guardOnReports,
  HOUR_MS,
  isBelowLimits,
  lastMinute,
  mayAnybodyWake,
  mayWake,
  NO_WAKES,
  type RecentSends,
  type TrippedGuard,
  type Wakes,
} from "../../rules/guards.ts";
import { SKEW_MS } from "../../rules/presence.ts";
import { isNearlyFull, MAX_MAILBOX_CHARACTERS, type Mailbox, NO_MAIL } from "../../rules/quotas.ts";
import { MAX_TEXT_BYTES } from "../../rules/text.ts";
import { backlogOf, claimedPayers, countBoxes, mailboxOf } from "../../store/inbox.ts";
import { recentlySent, recentTexts, wakesOf } from "../../store/usage.ts";
import type { SentText } from "../core/bounds.ts";
import { type Context, NotedError } from "../core/operation.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { guardNote, note } from "./notes.ts";

/**
 * The mailboxes of peers as `payer` finds them. One is counted only if it may be nearly full; otherwise it has room. What is the
 * payer's own is read only where it matters.
 */
export async function mailboxesFor(
  { sql, limits, bounds }: Pick<Context, "sql" | "limits" | "bounds">,
  peerIds: readonly string[],
  payer: string | null,
): Promise<Map<string, Mailbox>> {
  if (limits.mailbox_messages === 0) return new Map(peerIds.map((id) => [id, { ...NO_MAIL, own: NO_MAIL }]));
  const boxes = new Map<string, Mailbox>();
  for (const id of peerIds) {
    const atMost = bounds?.waiting(id);
    if (atMost && !isNearlyFull(atMost, limits.mailbox_messages)) boxes.set(id, { ...atMost, own: NO_MAIL });
  }
  const others = peerIds.filter((id) => !boxes.has(id));
  const counts = await countBoxes(sql, others);
  for (const id of others) {
    const messages = counts.get(id) ?? 0;
    const atMost = { messages, characters: messages * MAX_TEXT_BYTES };
    const all = atMost.characters < MAX_MAILBOX_CHARACTERS ? { messages, characters: 0 } : await mailboxOf(sql, id);
    bounds?.setWaiting(id, all.characters === 0 ? atMost : all);
    const own =
      payer !== null && isNearlyFull(all, limits.mailbox_messages) ? await backlogOf(sql, id, payer) : NO_MAIL;
    boxes.set(id, { ...all, own });
  }
  return boxes;
}

/** One of them. */
export async function mailboxFor(
  context: Pick<Context, "sql" | "limits" | "bounds">,
  peerId: string,
  payer: string | null,
): Promise<Mailbox> {
  return (await mailboxesFor(context, [peerId], payer)).get(peerId) ?? { ...NO_MAIL, own: NO_MAIL };
}

/** Of these peers, those that mail of `payer` may wake now. */
export async function wakeable(
  context: TransactionContext,
  peerIds: readonly string[],
  payer: string | null,
): Promise<Set<string>> {
  const wakes = await recentWakes(context, peerIds);
  return new Set(peerIds.filter((id) => mayWake(context.limits, wakes.get(id) ?? NO_WAKES, payer)));
}

/** Whether the mail that a peer has claimed may wake it: that of one of its senders is enough. */
export async function canClaimsWake(context: TransactionContext, peerId: string): Promise<boolean> {
  const wakes = (await recentWakes(context, [peerId])).get(peerId) ?? NO_WAKES;
  if (mayAnybodyWake(context.limits, wakes)) return true;
  return (await claimedPayers(context.sql, peerId)).some((payer) => mayWake(context.limits, wakes, payer));
}

async function recentWakes(
  { sql, now, limits }: TransactionContext,
  peerIds: readonly string[],
): Promise<Map<string, Wakes>> {
  return limits.wakes_per_hour === 0 ? new Map() : wakesOf(sql, peerIds, now - HOUR_MS, now + SKEW_MS);
}

/**
 * The peer that a report of the current call is charged to; `null` for the operator and the clock. Throws `rate_limited`, and
 * notes it for the operator, when that peer has caused too much mail already.
 */
export async function payerOfReport(context: TransactionContext): Promise<string | null> {
  const { limits, cause } = context;
  if (!cause) return null;
  if (cause.isAdmitted) return cause.peer_id;
  const { all } = await recentSends(context, cause.peer_id);
  const tripped = guardOnReports(limits, all);
  if (tripped) throw guardError(tripped, cause.name);
  cause.isAdmitted = true;
  return cause.peer_id;
}

/** With bounds there is one broker, whose sequence numbers always rise: it needs no `last_seq`. */
const UNCOUNTED = { all: 0, same: 0, repeated_at: null, last_seq: 0 };

/**
 * What a peer sent within the last minute, and what of it repeats `what`. It is counted only if a limit may be reached; otherwise
 * it is below all of them, and reported as nothing.
 */
export async function recentSends(
  { sql, limits, bounds, ...time }: TransactionContext,
  peerId: string,
  what: SentText = { target: "", text: "" },
): Promise<RecentSends & { last_seq: number }> {
  const atMost = bounds?.sent(peerId, time.now);
  const mayRepeat = limits.repeat_seconds > 0 && bounds?.mayHaveSent(peerId, what, time.now);
  if (atMost && isBelowLimits(limits, atMost) && !mayRepeat) return UNCOUNTED;
  const minute = lastMinute(time);
  const sent = await recentlySent(sql, peerId, what.target, what.text, minute);
  if (bounds) {
    const texts = atMost ? [] : await recentTexts(sql, peerId, minute);
    bounds.setSent(peerId, { charges: sent.all, messages: sent.messages }, texts, time.now);
  }
  return sent;
}

/** The error for a tripped guard. `from`: the peer's name; `to`: the address that it wrote to. */
export function guardError(tripped: TrippedGuard, from: string, to?: string): NotedError {
  const { subject, text } = guardNote(tripped, from, to);
  return new NotedError("rate_limited", tripped.message, tripped.hint, (context) => note(context, subject, text));
}
