/** Ends of busy signals, and what the peers that poll for mail are told. */
import { isLive, READY, wantsQuiet } from "../../rules/presence.ts";
import { findPeers, type Peer, updatePeer } from "../../store/peers.ts";
import { pollingFellows } from "../../store/pools.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { report } from "./post.ts";

/** Ends a busy signal, by the peer's word or by the clock: what waited comes, and who polls for it is told. */
export async function endBusy(context: TransactionContext, peer: Peer): Promise<Peer> {
  const changed: Peer = { ...peer, ...READY };
  await updatePeer(context.sql, changed);
  context.emit({ peer_id: peer.peer_id, about: "mail" });
  // A long command asked nobody to slow down.
  const how = isLive(peer, context.now) ? "ready" : "offline";
  if (peer.busy_for !== null) await tellPolls(context, peer, `${peer.name} is ${how}. Poll once a minute again.`);
  return changed;
}

export async function tellPolls(context: TransactionContext, peer: Peer, text: string): Promise<void> {
  const polling = await findPeers(context.sql, await pollingFellows(context.sql, peer.peer_id));
  // One by one: fellows of different pools need not know of each other.
  for (const fellow of polling) await report(context, { to: [fellow], pool: undefined, text, urgency: "low" });
}

/** Whether the clock ends a peer's busy signal. */
export function isBusyOver(peer: Peer, now: number): boolean {
  return peer.busy_for !== null && !wantsQuiet(peer, now);
}
