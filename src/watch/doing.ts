/** What the person can do, each with its result in words and its way back. */
import type { Client } from "../client/client.ts";
import { checkOutgoing } from "../client/secrets.ts";
import type { OutputOf } from "../operations/index.ts";
import type { Draft } from "./state.ts";
import { type MessageRow, type Need, type Peer, type Pool, plural } from "./words.ts";

export interface Done {
  text: string;
  undo?: Deed;
}

export type Deed = (client: Client) => Promise<Done>;

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
  ({ proposal_id = "", name, pool = "" }: Need, decision: "passed" | "rejected"): Deed =>
  async (client) => {
    await client.call("decide_release", { proposal_id, decision });
    return { text: decision === "passed" ? `${name} is released from @${pool}` : `${name} stays in @${pool}` };
  };

const idsOf = ({ message_ids, message_id }: Need): string[] =>
  message_ids ?? (message_id === undefined ? [] : [message_id]);

/** A row names the oldest of many messages: the others come back in a row of their own. */
const rest = ({ count = 0 }: Need, done: number): string => (count > done ? `; ${count - done} more wait` : "");

export const decideHeld =
  (need: Need, decision: "accept" | "refuse"): Deed =>
  async (client) => {
    const ids = idsOf(need);
    for (const message_id of ids)
      await client.call("decide_held", { message_id, peer: need.peer_id ?? need.name, decision });
    const what = plural(ids.length, "message");
    const how = decision === "accept" ? `let through to ${need.name}` : "refused; the sender sees it";
    return { text: `${what} ${how}${rest(need, ids.length)}` };
  };

export const sendAgain =
  (need: Need): Deed =>
  async (client) => {
    const ids = idsOf(need);
    for (const message_id of ids) await client.call("resend_message", { message_id });
    await client.call("dismiss_need", { need_id: need.need_id });
    return { text: `${plural(ids.length, "message")} queued once more${rest(need, ids.length)}` };
  };

export const resend =
  ({ message_id }: MessageRow): Deed =>
  async (client) => {
    const { recipients } = await client.call("resend_message", { message_id });
    return { text: recipients.map(({ name, state }) => `${state} for ${name}`).join(", ") };
  };

export const removeService =
  ({ service_id, name }: Need): Deed =>
  async (client) => {
    await client.call("unregister_service", { service: service_id ?? name });
    return { text: `${name} is off the list` };
  };

export const muteBoth =
  ({ peer_id, other_id, need_id }: Need): Deed =>
  async (client) => {
    const both = [peer_id, other_id].filter((id) => id !== undefined);
    for (const peer of both) await client.call("mute_peer", { peer });
    await client.call("dismiss_need", { need_id });
    return {
      text: "Both are muted: what they send is held",
      async undo(again) {
        for (const peer of both) await again.call("unmute_peer", { peer });
        return { text: "Both are unmuted" };
      },
    };
  };

const letThrough = (released: number, how: string): string =>
  released > 0 ? `; ${plural(released, "message")} ${how}` : "";

export const unmute =
  ({ peer_id: peer, name }: Peer): Deed =>
  async (client) => {
    const { released } = await client.call("unmute_peer", { peer });
    return { text: `${name} is unmuted${letThrough(released, "let through")}` };
  };

export const mute =
  (peer: Peer): Deed =>
  async (client) => {
    await client.call("mute_peer", { peer: peer.peer_id });
    return { text: `${peer.name} is muted: what it sends is held`, undo: unmute(peer) };
  };

export const goOn =
  ({ pool_id: pool, name }: Pool): Deed =>
  async (client) => {
    const { released } = await client.call("resume_pool", { pool });
    return { text: `@${name} is resumed${letThrough(released, "delivered")}` };
  };

export const pause =
  (pool: Pool): Deed =>
  async (client) => {
    await client.call("pause_pool", { pool: pool.pool_id });
    return { text: `@${pool.name} is paused: what is said in it is held`, undo: goOn(pool) };
  };

/** Sends what was typed, and says what became of it. */
export const send =
  (draft: Draft): Deed =>
  async (client) => {
    const input = await checkOutgoing({
      to: draft.to.text.trim(),
      text: draft.text.text,
      urgency: draft.urgency,
      message_id: draft.attempt?.message_id,
      ...(draft.answers && { reply_to: draft.answers.message_id }),
    });
    return { text: resultOf(await client.callAny("send_message", input)) };
  };

/** Each recipient with what to expect, or how many there are. */
function resultOf({ recipients, understood }: OutputOf<"send_message">): string {
  const more = understood === undefined ? "" : ` (${understood})`;
  const [only] = recipients;
  if (!only) return `Kept in the pool; nobody was there to get it${more}`;
  if (recipients.length === 1) return `${only.state} for ${only.name}${only.note ? `: ${only.note}` : ""}${more}`;
  const counted = new Map<string, number>();
  for (const { state } of recipients) counted.set(state, (counted.get(state) ?? 0) + 1);
  return `${[...counted].map(([state, count]) => `${state} for ${count}`).join(", ")}${more}`;
}
