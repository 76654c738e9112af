/** Which messages a caller may read. */
import { mayRead, type Pool } from "../../rules/pools.ts";
import { type Message, recipientsOf } from "../../store/messages.ts";
import type { Context } from "../core/operation.ts";

/** Whether the caller may see the delivery status of a message: its sender, its recipients and the operator may. */
export function mayKnow({ caller }: Context, message: Message, recipients: readonly { peer_id: string }[]): boolean {
  if (caller.kind !== "peer") return true;
  const me = caller.peer.peer_id;
  return message.from_id === me || recipients.some((recipient) => recipient.peer_id === me);
}

/** The messages of a pool that the caller may read. A directed one (`@pool/peer`) is for its sender, its recipient and the operator. */
export async function seenBy({ sql, caller }: Context, pool: Pool, messages: readonly Message[]): Promise<Message[]> {
  if (caller.kind !== "peer") return [...messages];
  const me = caller.peer.peer_id;
  const isDirected = (message: Message): boolean => message.to_address.includes("/");
  const recipients = await recipientsOf(
    sql,
    messages.filter(isDirected).map((message) => message.message_id),
  );
  const got = new Set(recipients.filter((one) => one.peer_id === me).map((one) => one.message_id));
  return messages.filter(
    (message) =>
      message.from_id === me ||
      (isDirected(message) ? got.has(message.message_id) : mayRead(pool, me, message.sent_at)),
  );
}
