/** Busy signals: a peer holds back normal mail for a while, and ends that when it is ready again. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { checkPlainText, oneLine } from "../rules/text.ts";
import { pollLess } from "../rules/texts/notices.ts";
import type { Peer } from "../store/peers.ts";
import { callingPeer, operation } from "./core/operation.ts";
import { endBusy, tellPolls } from "./support/busy.ts";
import { changePeer } from "./support/presence.ts";
import { peerShape, toPeerShapeOf } from "./support/shapes.ts";

const MAX_ESTIMATE_S = 86_400;

export const setBusy = operation({
  name: "set_busy",
  by: ["peer"],
  repeatable: "always",
  cli: "busy <reason> <estimate_seconds>",
  example: 'busy "the test suite" 600 --as api',
  tool: { title: "Set busy", readOnly: false },
  doc: "Marks this session as busy: normal mail waits until cct_set_ready, or until 1.5 times the estimate has passed; interrupts come through. Senders are told.",
  input: z.strictObject({
    reason: z.string().max(1000).describe("a few words, shown to senders"),
    estimate_seconds: z.int().min(1).max(MAX_ESTIMATE_S).describe("how long it will take; at most 24 hours"),
  }),
  output: peerShape,
  async run(context, input) {
    const { sql, now } = context;
    const peer = callingPeer(context);
    checkPlainText("reason", input.reason);
    const reason = oneLine(input.reason, 200);
    if (reason === "")
      throw new CctError("bad_request", "The reason is empty.", "Say in a few words what you are doing.");
    const busy = { busy_reason: reason, busy_since: now, busy_for: input.estimate_seconds * 1000 };
    const changed: Peer = { ...peer, ...busy };
    await changePeer(context, peer, changed);
    // The session server takes back spooled mail that must wait from now on.
    context.emit({ peer_id: peer.peer_id, about: "mail" });
    const minutes = Math.max(1, Math.round(input.estimate_seconds / 60));
    await tellPolls(
      context,
      peer,
      pollLess(peer.name, minutes, reason, Math.min(15, Math.max(2, Math.ceil(minutes / 2)))),
    );
    return toPeerShapeOf(sql, changed, true, now);
  },
});

export const setReady = operation({
  name: "set_ready",
  by: ["peer"],
  repeatable: "always",
  cli: "ready",
  example: "ready --as api",
  tool: { title: "Set ready", readOnly: false },
  doc: "Ends this session's busy state; the mail that waited comes.",
  input: z.strictObject({}),
  output: peerShape,
  async run(context) {
    const { sql, now } = context;
    const changed = await endBusy(context, callingPeer(context));
    return toPeerShapeOf(sql, changed, true, now);
  },
});
