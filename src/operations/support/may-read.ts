/** Which messages a caller may read. */
import { resolveMessage } from "../../rules/address.ts";
import { isWithheld } from "../../rules/delivery.ts";
import { mayRead, type Pool } from "../../rules/pools.ts";
import { recentIds } from "../../store/history.ts";
import { findMessage, type Message } from "../../store/messages.ts";
import { recipientsOf } from "../../store/recipients.ts";
import type { Context } from "../core/operation.ts";
import { seesOnly } from "./people.ts";

/** Whether the caller may see the delivery status of a message: its sender, its recipients and the operator may. */
export function mayKnow(context: Context, message: Message, recipients: readonly { peer_id: string }[]): boolean {
  const me = seesOnly(context);
  if (me === undefined) return true;
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
  const got = new Set(recipients.filter((one) => one.peer_id === me && !isWithheld(one)).map((one) => one.message_id));
  return messages.filter(
    (message) =>
      message.from_id === me ||
      (isDirected(message) ? got.has(message.message_id) : mayRead(pool, me, message.sent_at)),
  );
}

/**
 * The message that a reference means: one with that id, or a recent one of the caller's with that short id. Whether the caller
 * may read the first is not decided here. `listed` are the ids that the caller was shown last and may mean, which can be older:
 * they are looked at before the recent ones. Throws `ambiguous`.
 */
export async function messageNamed(
  context: Pick<Context, "sql" | "caller" | "device">,
  ref: string,
  listed?: (part: string) => Promise<string[]>,
): Promise<(Message & { answer: string }) | undefined> {
  const { sql } = context;
  const exact = await findMessage(sql, ref);
  if (exact || ref.length >= UUID_LENGTH) return exact;
  const id =
    resolveMessage(ref, (await listed?.(ref)) ?? []) ??
    resolveMessage(ref, await recentIds(sql, seesOnly(context), ref));
  return id === undefined ? undefined : findMessage(sql, id);
}

/**
 * The same for a change of messages in a certain state, `ids`, so that the transaction does not depend on all recent messages, of
 * which other transactions add more all the time.
 */
export async function messageAmong(
  { sql }: Pick<Context, "sql">,
  ref: string,
  ids: (part: string) => Promise<string[]>,
): Promise<(Message & { answer: string }) | undefined> {
  const exact = await findMessage(sql, ref);
  if (exact || ref.length >= UUID_LENGTH) return exact;
  const id = resolveMessage(ref, await ids(ref));
  return id === undefined ? undefined : findMessage(sql, id);
}

/** A reference so long is no short id. */
const UUID_LENGTH = 36;
