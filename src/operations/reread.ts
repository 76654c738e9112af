/** Reading a message again, without any effect on its delivery. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { isWaiting, isWithheld } from "../rules/delivery.ts";
import { mailFor } from "../store/messages.ts";
import { callingPeer, operation } from "./core/operation.ts";
import { messageNamed } from "./support/may-read.ts";
import { mailShape, messageRef, toMailShape } from "./support/shapes.ts";

export const rereadMessage = operation({
  name: "reread_message",
  isolation: "snapshot",
  by: ["peer"],
  repeatable: "always",
  errors: ["not_found", "ambiguous", "conflict"],
  doc: "Returns a message that the peer was given before, and changes nothing: after a compaction its model has lost it. What it has not been given yet comes by itself.",
  input: z.strictObject({ message_id: messageRef }),
  output: z.object({ message: mailShape }),
  async run(context, input) {
    const peer = callingPeer(context);
    const message = await messageNamed(context, input.message_id);
    const mail = message && (await mailFor(context.sql, peer.peer_id, message.message_id));
    if (!mail || isWithheld(mail.delivery)) {
      throw new CctError(
        "not_found",
        `There is no message '${input.message_id}' that you got.`,
        "Use the id that was shown with it. Old messages are removed.",
      );
    }
    // What ended after an attempt may have been seen.
    if (mail.delivery.delivered_at === null && isWaiting(mail.delivery)) {
      throw new CctError(
        "conflict",
        "You have not been given that message yet.",
        "It comes by itself; check_messages without message_id takes what waits.",
      );
    }
    return { message: toMailShape(mail, peer) };
  },
});
