/** Which message a message replies to, and whom a reply without an address is for. */
import { CctError } from "../../platform/errors.ts";
import { BROKER_NAME, isPerson } from "../../rules/names.ts";
import { visibilityOf } from "../../rules/pools.ts";
import { lastReceived } from "../../store/history.ts";
import type { Message } from "../../store/messages.ts";
import { findPool } from "../../store/pools.ts";
import { recipientsOf } from "../../store/recipients.ts";
import type { Context } from "../core/operation.ts";
import { mayKnow, messageNamed, seenBy } from "./may-read.ts";
import { participantOf } from "./people.ts";
import { viewerOf } from "./references.ts";

/** In `reply_to`: the newest message from whom the reply is for. */
export const LAST = "last";

/** The message that `reply_to` names, if it does. Whether the caller may reply to it is not decided here. */
export const replyNamed = async (context: Context, ref: string | undefined): Promise<Message | undefined> =>
  ref === undefined || ref === LAST ? undefined : messageNamed(context, ref);

/** Throws `not_found` unless the caller may reply to the message that `reply_to` names. */
export async function requireAnswerable(
  context: Context,
  ref: string | undefined,
  message: Message | undefined,
): Promise<void> {
  if (ref === undefined || ref === LAST || (message && (await mayAnswer(context, message)))) return;
  throw new CctError(
    "not_found",
    `There is no message '${ref}' that you can reply to.`,
    "Leave reply_to out, or use the id shown with the message.",
  );
}

/** The address of a reply that has none: the sender of the message. Throws `bad_request`. */
export function addressOfReply(ref: string | undefined, message: Message | undefined): string {
  if (!message) {
    const last = ref === LAST ? ` With reply_to: "${LAST}" it is needed: another message may have come meanwhile.` : "";
    throw new CctError(
      "bad_request",
      `send_message: to is missing.${last}`,
      "Name a peer or a @pool, or reply to a message by its id.",
    );
  }
  if (isPerson(message.from_name)) return message.from_name;
  if (message.from_id !== BROKER_NAME) return message.from_id;
  throw new CctError("bad_request", "CCT itself sent that message.", "There is nobody to answer.");
}

/** The newest message that the caller got from this peer, or in this pool. Throws `not_found`, and `bad_request` for many peers. */
export async function lastFrom(
  context: Context,
  from: { pool_id: string } | { peer_id: string } | undefined,
): Promise<Message> {
  if (!from) throw new CctError("bad_request", `reply_to: "${LAST}" needs one recipient.`, "Leave reply_to out.");
  const me = participantOf(context).peer_id;
  const message = await lastReceived(context.sql, me, from);
  if (message) return message;
  throw new CctError(
    "not_found",
    `You got no message ${"pool_id" in from ? "in that pool" : "from them"} that you could reply to.`,
    "Leave reply_to out.",
  );
}

/** Whether the caller may reply to a message: its sender, its recipients, and everyone who may read it in its pool. */
async function mayAnswer(context: Context, message: Message): Promise<boolean> {
  const { sql, caller } = context;
  if (mayKnow(context, message, await recipientsOf(sql, [message.message_id]))) return true;
  const pool = message.pool_id === null ? undefined : await findPool(sql, message.pool_id);
  if (!pool || visibilityOf(pool, viewerOf(caller)) !== "inside") return false;
  return (await seenBy(context, pool, [message])).length > 0;
}
