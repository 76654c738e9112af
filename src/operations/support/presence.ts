/** Stores changes of peers, and what they are for others: the history of their presence. */
import { NOT_BLOCKED } from "../../rules/blocked-on.ts";
import { changesByPeer } from "../../rules/feed.ts";
import { recordedPresence } from "../../rules/presence.ts";
import { type Peer, updatePeer } from "../../store/peers.ts";
import { putSpan } from "../../store/presence.ts";
import type { TransactionContext } from "../core/transaction.ts";

type Changing = Pick<TransactionContext, "sql" | "now" | "changed">;

/** Stores a peer's next state. `before`: as it is stored. What it was blocked on is forgotten once it is not blocked. */
export async function changePeer(context: Changing, before: Peer, next: Peer): Promise<void> {
  const after = next.presence === "blocked" || next.blocked_tool === null ? next : { ...next, ...NOT_BLOCKED };
  await updatePeer(context.sql, after, before);
  if (recordedPresence(before) !== recordedPresence(after)) await beginSpan(context, after);
  for (const what of changesByPeer(before, after)) context.changed(what);
}

/** Records that a peer's presence is this from now on. */
export async function beginSpan({ sql, now }: Pick<Changing, "sql" | "now">, peer: Peer): Promise<void> {
  await putSpan(sql, { peer_id: peer.peer_id, from_at: now, state: recordedPresence(peer) });
}
