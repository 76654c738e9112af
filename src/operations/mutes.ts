/** What the operator decides about mail on its way: held mail of one mailbox, muted peers, paused pools. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { deliveryStates, refuseHeld, releaseHeld } from "../rules/delivery.ts";
import { MAX_MUTES, type Mute } from "../rules/mutes.ts";
import { requireBelow } from "../rules/quotas.ts";
import { heldIds } from "../store/held.ts";
import { findDelivery } from "../store/messages.ts";
import { allMutes, putMute } from "../store/mutes.ts";
import { type Context, operation } from "./core/operation.ts";
import { messageAmong } from "./support/may-read.ts";
import { endMute } from "./support/mutes.ts";
import { recordDelivery, recordOutcome } from "./support/outcomes.ts";
import { addresseeNamed, participantOf } from "./support/people.ts";
import { poolName } from "./support/pool-shapes.ts";
import { peerNamed, poolNamed } from "./support/references.ts";
import { messageRef, time } from "./support/shapes.ts";

const peer = z.string().min(1).max(200).describe("its name, or a prefix of its id");
const minutes = z.int().min(1).max(525_600).optional().describe("ends by itself after so long; default: only by hand");
const until = time.optional().describe("when it ends; absent: by hand only");
const released = z.int().describe("deliveries that go on now");

export const decideHeld = operation({
  name: "decide_held",
  by: ["operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "decide <message_id> <peer> <decision>",
  example: "decide 4ad570c5 api refuse",
  doc: "Decides about a held message for one mailbox: lets it through, or refuses it, which its sender is told. `unhold_message` lets it through to all.",
  input: z.strictObject({
    message_id: messageRef.describe("as `cct held` shows it"),
    peer: z.string().min(1).max(200).describe("whose mailbox"),
    decision: z.enum(["accept", "refuse"]),
  }),
  output: z.object({ message_id: z.string(), peer_id: z.string(), name: z.string(), state: z.enum(deliveryStates) }),
  async run(context, input) {
    const { sql } = context;
    const recipient = await addresseeNamed(context, input.peer);
    const { message_id } = (await messageAmong(context, input.message_id, (part) => heldIds(sql, part))) ?? input;
    const delivery = await findDelivery(sql, message_id, recipient.peer_id);
    if (!delivery)
      throw new CctError("not_found", `There is no message '${message_id}' for ${recipient.name}.`, "See: cct held");
    const next = input.decision === "accept" ? releaseHeld(delivery) : refuseHeld(delivery);
    if (!next)
      throw new CctError(
        "conflict",
        `The message is not held for ${recipient.name}: it is ${delivery.state}.`,
        "See: cct held",
      );
    if (input.decision === "refuse") await recordOutcome(context, delivery, next, "operator");
    else {
      await recordDelivery(context, delivery, next);
      context.emit({ peer_id: recipient.peer_id, about: "mail" });
    }
    return { message_id, peer_id: recipient.peer_id, name: recipient.name, state: next.state };
  },
});

export const mutePeer = operation({
  name: "mute_peer",
  by: ["operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous"],
  cli: "mute <peer>",
  example: "mute web --minutes 30",
  doc: "Mutes a peer: what it sends from now on is held, and it is told so. When the mute ends, that mail goes on.",
  input: z.strictObject({ peer, minutes }),
  output: z.object({ peer_id: z.string(), name: z.string(), until }),
  async run(context, input) {
    const { peer_id, name } = await peerNamed(context, input.peer);
    return { peer_id, name, ...(await mute(context, { source: peer_id, kind: "peer" }, input.minutes)) };
  },
});

export const unmutePeer = operation({
  name: "unmute_peer",
  by: ["operator"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  cli: "unmute <peer>",
  example: "unmute web",
  doc: "Ends the mute of a peer: what it sent meanwhile goes on.",
  input: z.strictObject({ peer }),
  output: z.object({ peer_id: z.string(), name: z.string(), released }),
  async run(context, input) {
    const { peer_id, name } = await peerNamed(context, input.peer);
    return { peer_id, name, released: await endMute(context, { source: peer_id, kind: "peer" }) };
  },
});

export const pausePool = operation({
  name: "pause_pool",
  by: ["operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous"],
  cli: "pool pause <pool>",
  example: "pool pause front --minutes 30",
  doc: "Pauses a pool: what its members send in it from now on is held, and they are told so. When the pause ends, it goes on. Mail of the operator passes.",
  input: z.strictObject({ pool: poolName, minutes }),
  output: z.object({ pool_id: z.string(), name: z.string(), until }),
  async run(context, input) {
    const { pool_id, name } = await poolNamed(context.sql, input.pool, context.caller);
    return { pool_id, name, ...(await mute(context, { source: pool_id, kind: "pool" }, input.minutes)) };
  },
});

export const resumePool = operation({
  name: "resume_pool",
  by: ["operator"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  cli: "pool resume <pool>",
  example: "pool resume front",
  doc: "Ends the pause of a pool: what was sent in it meanwhile goes on.",
  input: z.strictObject({ pool: poolName }),
  output: z.object({ pool_id: z.string(), name: z.string(), released }),
  async run(context, input) {
    const { pool_id, name } = await poolNamed(context.sql, input.pool, context.caller);
    return { pool_id, name, released: await endMute(context, { source: pool_id, kind: "pool" }) };
  },
});

async function mute(
  context: Context,
  { source, kind }: Pick<Mute, "source" | "kind">,
  minutes: number | undefined,
): Promise<{ until?: number }> {
  const { sql, now } = context;
  const others = (await allMutes(sql)).filter((one) => one.source !== source);
  requireBelow(
    others.length,
    MAX_MUTES,
    "Too many peers are muted and pools paused",
    "End some: cct unmute, cct pool resume.",
  );
  const until_at = minutes === undefined ? null : now + minutes * 60_000;
  await putMute(sql, { source, kind, by_name: participantOf(context).name, set_at: now, until_at });
  context.changed({ what: kind, id: source });
  return until_at === null ? {} : { until: until_at };
}
