/** Ends busy signals, and tells peers that poll for mail how often to poll. */
import { isLive, NOT_BUSY, wantsQuiet } from "../../rules/presence.ts";
import { pollAgain } from "../../rules/texts/notices.ts";
import { busySignal } from "../../rules/topics.ts";
import { findPeers, type Peer } from "../../store/peers.ts";
import { pollingPoolMembers } from "../../store/pools.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { report } from "./post.ts";
import { changePeer } from "./presence.ts";

/** Ends a busy signal, because the peer or the clock says so: releases the mail that waited and tells polling peers. */
export async function endBusy(context: TransactionContext, peer: Peer): Promise<Peer> {
  const changed: Peer = { ...peer, ...NOT_BUSY };
  await changePeer(context, peer, changed);
  context.emit({ peer_id: peer.peer_id, about: "mail" });
  // A busy state from a long command (without `busy_for`) told nobody to slow down.
  const how = isLive(peer, context.now) ? "ready" : "offline";
  if (peer.busy_for !== null)
    // Admitted with the start of the signal: its end is not refused, least of all to a heartbeat.
    await tellPolls(context, peer, pollAgain(peer.name, how), peer.peer_id);
  return changed;
}

/** `cause`: as in a report. */
export async function tellPolls(context: TransactionContext, peer: Peer, text: string, cause?: string): Promise<void> {
  const polling = await findPeers(context.sql, await pollingPoolMembers(context.sql, peer.peer_id));
  // One report each: members of different pools must not learn of each other.
  const what = {
    pool: undefined,
    text,
    urgency: "low",
    topic: busySignal(peer.peer_id),
    ...(cause && { cause }),
  } as const;
  for (const fellow of polling) await report(context, { ...what, to: [fellow] });
}

/** Whether a peer's busy signal has expired. */
export function isBusyOver(peer: Peer, now: number): boolean {
  return peer.busy_for !== null && !wantsQuiet(peer, now);
}
