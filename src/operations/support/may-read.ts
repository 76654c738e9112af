/** Which messages a caller may read. */
import { mayRead, type Pool } from "../../rules/pools.ts";
import { type Message, recipientsOf } from "../../store/messages.ts";
import type { Context } from "../core/operation.ts";

/** Who may know what became of a message: who sent or got it, and the operator. */
export function mayKnow({ caller }: Context, message: Message, recipients: readonly { peer_id: string }[]): boolean {
  if (caller.kind !== "peer") return true;
  const me = caller.peer.peer_id;
  return message.from_id === me || recipients.some((recipient) => recipient.peer_id === me);
}

/** What is said to one member of a pool is for that member, for who said it, and for the operator. */
export async function seenBy({ sql, caller }: Context, pool: Pool, messages: readonly Message[]): Promise<Message[]> {
  if (caller.kind !== "peer") return [...messages];
  const me = caller.peer.peer_id;
  const isDirected = (message: Message): boolean => message.to_address.includes("/");
  const recipients = await recipientsOf(
    sql,
    messages.filter(isDirected).map((message) => message.message_id),
  );
  const got = recipients.filter((one) => one.peer_id === me).map((one) => one.message_id);
  return messages.filter(
    (message) =>
      message.from_id === me ||
      (isDirected(message) ? got.includes(message.message_id) : mayRead(pool, me, message.sent_at)),
  );
}
