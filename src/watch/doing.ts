/** What the person can do, each with its result in words and its way back. */
import { checkOutgoing } from "../client/secrets.ts";
import {
  BOTH_MUTED,
  heldDecided,
  idsOf,
  muted,
  paused,
  resumed,
  sentAgain,
  sentWords,
  serviceRemoved,
  unmuted,
  voteDecided,
} from "../rules/texts/deeds.ts";
import type { Deed } from "./deed.ts";
import { type Draft, outgoingOf } from "./state.ts";
import type { MessageRow, Need, Peer, Pool } from "./words.ts";

export const dismiss =
  ({ need_id }: Need): Deed =>
  async (client) => {
    await client.call("dismiss_need", { need_id });
    return {
      text: "Dismissed",
      async undo(again) {
        await again.call("dismiss_need", { need_id, undo: true });
        return { text: "Listed again" };
      },
    };
  };

export const decideVote =
  (need: Need, decision: "passed" | "rejected"): Deed =>
  async (client) => {
    await client.call("decide_release", { proposal_id: need.proposal_id ?? "", decision });
    return { text: voteDecided(need, decision) };
  };

export const decideHeld =
  (need: Need, decision: "accept" | "refuse"): Deed =>
  async (client) => {
    for (const message_id of idsOf(need))
      await client.call("decide_held", { message_id, peer: need.peer_id ?? need.name, decision });
    return { text: heldDecided(need, decision) };
  };

export const sendAgain =
  (need: Need): Deed =>
  async (client) => {
    for (const message_id of idsOf(need)) await client.call("resend_message", { message_id });
    await client.call("dismiss_need", { need_id: need.need_id });
    return { text: sentAgain(need) };
  };

export const resend =
  ({ message_id }: MessageRow): Deed =>
  async (client) => {
    const { recipients } = await client.call("resend_message", { message_id });
    return { text: recipients.map(({ name, state }) => `${state} for ${name}`).join(", ") };
  };

export const removeService =
  (need: Need): Deed =>
  async (client) => {
    await client.call("unregister_service", { service: need.service_id ?? need.name });
    return { text: serviceRemoved(need) };
  };

export const muteBoth =
  ({ peer_id, other_id, need_id }: Need): Deed =>
  async (client) => {
    const both = [peer_id, other_id].filter((id) => id !== undefined);
    for (const peer of both) await client.call("mute_peer", { peer });
    await client.call("dismiss_need", { need_id });
    return {
      text: BOTH_MUTED,
      async undo(again) {
        for (const peer of both) await again.call("unmute_peer", { peer });
        return { text: "Both are unmuted" };
      },
    };
  };

export const unmute =
  (peer: Peer): Deed =>
  async (client) => ({
    text: unmuted(peer, (await client.call("unmute_peer", { peer: peer.peer_id })).released),
  });

export const mute =
  (peer: Peer): Deed =>
  async (client) => {
    await client.call("mute_peer", { peer: peer.peer_id });
    return { text: muted(peer), undo: unmute(peer) };
  };

export const goOn =
  (pool: Pool): Deed =>
  async (client) => ({
    text: resumed(pool, (await client.call("resume_pool", { pool: pool.pool_id })).released),
  });

export const pause =
  (pool: Pool): Deed =>
  async (client) => {
    await client.call("pause_pool", { pool: pool.pool_id });
    return { text: paused(pool), undo: goOn(pool) };
  };

/** Sends what was typed, and says what became of it. */
export const send =
  (draft: Draft): Deed =>
  async (client) => {
    const input = await checkOutgoing({ ...outgoingOf(draft), message_id: draft.attempt?.message_id });
    return { text: sentWords(await client.callAny("send_message", input)) };
  };
