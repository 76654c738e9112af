/** Charges mail to the peer that causes it: shares of mailboxes and wakes, and the rate of reports. */
import {
  guardOnReports,
  HOUR_MS,
  isBelowLimits,
  isBelowWakes,
  lastMinute,
  mayAnybodyWake,
  mayWake,
  NO_WAKES,
  type RecentSends,
  type TrippedGuard,
  type Wakes,
} from "../../rules/guards.ts";
import { SKEW_MS } from "../../rules/presence.ts";
import {
  isNearlyFull,
  MAX_MAILBOX_CHARACTERS,
  type Mailbox,
  mailbox,
  mostMessages,
  NO_MAIL,
} from "../../rules/quotas.ts";
import { MAX_TEXT_BYTES } from "../../rules/text.ts";
import { backlogOf, claimedPayers, countBoxes, mailboxOf } from "../../store/inbox.ts";
import { recentlySent, recentTexts, wakesOf } from "../../store/usage.ts";
import type { SentText } from "../core/bounds.ts";
import { type Context, NotedError } from "../core/operation.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { guardNote, note } from "./notes.ts";

/**
 * The mailboxes of peers as `payer` finds them. One is counted only if it may be nearly full; otherwise it has room. Counts end
 * where it is full for everybody. What is the payer's own is read only where it matters.
 */
export async function mailboxesFor(
  { sql, limits, bounds }: Pick<Context, "sql" | "limits" | "bounds">,
  peerIds: readonly string[],
  payer: string | null,
): Promise<Map<string, Mailbox>> {
  if (limits.mailbox_messages === 0) return new Map(peerIds.map((id) => [id, mailbox(NO_MAIL)]));
  const boxes = new Map<string, Mailbox>();
  for (const id of peerIds) {
    const atMost = bounds?.waiting(id);
    if (atMost && !isNearlyFull(atMost, limits.mailbox_messages)) boxes.set(id, mailbox(atMost));
  }
  const others = peerIds.filter((id) => !boxes.has(id));
  const most = mostMessages(limits.mailbox_messages);
  const counts = await countBoxes(sql, others, most);
  for (const id of others) {
    const messages = counts.get(id) ?? 0;
    const atMost = { messages, characters: messages * MAX_TEXT_BYTES };
    const isFull = messages >= most;
    const isSmall = atMost.characters < MAX_MAILBOX_CHARACTERS;
    const all = isFull || isSmall ? { messages, characters: 0 } : await mailboxOf(sql, id);
    bounds?.setWaiting(id, all.characters === 0 ? atMost : all);
    const mayMatter = payer !== null && !isFull && isNearlyFull(all, limits.mailbox_messages);
    const own = mayMatter ? await backlogOf(sql, id, payer) : NO_MAIL;
    boxes.set(id, mailbox(all, own));
  }
  return boxes;
}

/** One of them. */
export async function mailboxFor(
  context: Pick<Context, "sql" | "limits" | "bounds">,
  peerId: string,
  payer: string | null,
): Promise<Mailbox> {
  return (await mailboxesFor(context, [peerId], payer)).get(peerId) ?? mailbox(NO_MAIL);
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

/** The wakes of these peers in the last hour; without those that have had none, or so few that anybody's mail may wake them. */
async function recentWakes(
  { sql, now, limits, bounds }: TransactionContext,
  peerIds: readonly string[],
): Promise<Map<string, Wakes>> {
  if (limits.wakes_per_hour === 0) return new Map();
  const others = bounds ? peerIds.filter((id) => !isBelowWakes(limits, bounds.wakes(id, now))) : peerIds;
  if (others.length === 0) return new Map();
  const wakes = await wakesOf(sql, others, now - HOUR_MS, now + SKEW_MS);
  if (bounds) {
    // Wakes from before the clock was set back are not in the last hour yet, but they will be.
    const later = await wakesOf(sql, others, now + SKEW_MS, Number.MAX_SAFE_INTEGER);
    for (const id of others) if (!later.has(id)) bounds.setWakes(id, wakes.get(id)?.all ?? 0, now);
  }
  return wakes;
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
  if (tripped) throw guardError(tripped, cause);
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
  context: TransactionContext,
  peerId: string,
  what: SentText = { target: "", text: "" },
): Promise<RecentSends & { last_seq: number }> {
  const { sql, limits, bounds, now } = context;
  const atMost = bounds?.sent(peerId, now);
  const mayRepeat = limits.repeat_seconds > 0 && bounds?.mayHaveSent(peerId, what, now);
  if (atMost && isBelowLimits(limits, atMost) && !mayRepeat) return UNCOUNTED;
  const minute = lastMinute(context);
  const sent = await recentlySent(sql, peerId, what.target, what.text, minute);
  if (bounds) {
    const texts = atMost ? [] : await recentTexts(sql, peerId, minute);
    bounds.setSent(peerId, { charges: sent.all, messages: sent.messages }, texts, now);
  }
  return sent;
}

/** The error for a tripped guard. `to`: the address that the peer wrote to, and the id of the peer or pool that it means. */
export function guardError(
  tripped: TrippedGuard,
  from: { peer_id: string; name: string },
  to?: { address: string; target: string },
): NotedError {
  const { subject, text } = guardNote(tripped, from.name, to?.address);
  const about = { guard: tripped.guard, from_id: from.peer_id, to_id: to?.target ?? "" };
  return new NotedError("rate_limited", tripped.message, tripped.hint, (context) =>
    note(context, subject, text, about),
  );
}
