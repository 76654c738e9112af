/** Settles the claims that were made for a peer's event streams, by what its session says of them. */
import { undoClaim } from "../../rules/delivery.ts";
import {
  noStream,
  type PeerStream,
  type Settled,
  type StreamReport,
  settleStreams,
} from "../../rules/stream-claims.ts";
import { findDelivery } from "../../store/messages.ts";
import { setStream, streamOf } from "../../store/streams.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { recordOutcome } from "./outcomes.ts";

/** Believes what a session says of its streams. Returns the stream as it is then. */
export async function settleClaims(
  context: TransactionContext,
  peerId: string,
  reports: readonly StreamReport[],
): Promise<PeerStream> {
  if (reports.length === 0) return noStream;
  return settle(context, peerId, (before) => settleStreams(before, reports));
}

/** Queues again, unmarked, what certainly never reached the session. */
export async function settle(
  context: TransactionContext,
  peerId: string,
  decide: (before: PeerStream) => Settled,
): Promise<PeerStream> {
  const before = await streamOf(context.sql, peerId);
  const { stream, missed } = decide(before);
  for (const { message_id, attempt, marked } of missed) {
    const delivery = await findDelivery(context.sql, message_id, peerId);
    const next = delivery && undoClaim(delivery, attempt, marked);
    if (next) await recordOutcome(context, delivery, next);
  }
  if (stream !== before) await setStream(context.sql, peerId, stream);
  return stream;
}
