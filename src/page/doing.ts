/** The actions of a person: each says its result, and offers Undo where the broker can take it back. */
import type { Outgoing } from "./attempt.ts";
import { confirmFirst } from "./confirm.tsx";
import { loadNeeds } from "./live.ts";
import { call } from "./source.ts";
import { needs, sizeOf } from "./state.ts";
import { say } from "./toast.tsx";
import type { Need, Peer, Pool } from "./types.ts";
import { plural } from "./words.ts";

/** Sends, and says what became of it: a note for each recipient, or how many there are. */
async function send(outgoing: Outgoing, message_id: string): Promise<void> {
  const { recipients } = await call("send_message", { ...outgoing, message_id });
  const [only] = recipients;
  if (only && recipients.length === 1) return say(only.note ?? `${only.state} for ${only.name}`);
  const counted = new Map<string, number>();
  for (const { state } of recipients) counted.set(state, (counted.get(state) ?? 0) + 1);
  const parts = [...counted].map(([state, count]) => `${state} for ${count}`);
  say(parts.length === 0 ? "Kept in the pool; nobody was there to get it" : parts.join(", "));
}

/** From so many sessions on, an interrupt is asked about first. */
const MANY = 6;

/** Sends at once, or, when it would stop many sessions, after a question. */
export async function sendCarefully(outgoing: Outgoing, message_id: string, done: () => void): Promise<void> {
  const run = (): Promise<void> => send(outgoing, message_id).then(done);
  const size = sizeOf(outgoing.to);
  if (outgoing.urgency !== "interrupt" || size < MANY) return run();
  confirmFirst({
    title: `Interrupt ${size} sessions?`,
    text: `The next tool call of each session that ${outgoing.to} means stops until it has read the message.`,
    yes: "Interrupt them",
    run,
  });
}

/** Takes a need off the list at once; the broker's next answer decides. */
async function settled(need: Need, work: () => Promise<string>, undo?: () => Promise<unknown>): Promise<void> {
  const text = await work();
  needs.value = needs.value.filter((one) => one.need_id !== need.need_id);
  say(text, undo && (() => undo().then(loadNeeds)));
  void loadNeeds().catch(() => {});
}

export const dismiss = (need: Need): Promise<void> =>
  settled(
    need,
    async () => {
      await call("dismiss_need", { need_id: need.need_id });
      return "Dismissed";
    },
    () => call("dismiss_need", { need_id: need.need_id, undo: true }),
  );

export const decideVote = (need: Need, decision: "passed" | "rejected"): Promise<void> =>
  settled(need, async () => {
    await call("decide_release", { proposal_id: need.proposal_id ?? "", decision });
    return decision === "passed"
      ? `${need.name} is released from @${need.pool}`
      : `${need.name} stays in @${need.pool}`;
  });

export const decideHeld = (need: Need, decision: "accept" | "refuse"): Promise<void> =>
  settled(need, async () => {
    const ids = need.message_ids ?? (need.message_id === undefined ? [] : [need.message_id]);
    for (const message_id of ids) await call("decide_held", { message_id, peer: need.peer_id ?? need.name, decision });
    const what = plural(ids.length, "message");
    return decision === "accept" ? `${what} let through to ${need.name}` : `${what} refused; the sender sees it`;
  });

export const sendAgain = (need: Need): Promise<void> =>
  settled(need, async () => {
    const ids = need.message_ids ?? [];
    for (const message_id of ids) await call("resend_message", { message_id });
    await call("dismiss_need", { need_id: need.need_id });
    return `${plural(ids.length, "message")} queued once more`;
  });

export const removeService = (need: Need): Promise<void> =>
  settled(need, async () => {
    await call("unregister_service", { service: need.service_id ?? need.name });
    return `${need.name} is off the list`;
  });

export const muteBoth = (need: Need): Promise<void> => {
  const both = [need.peer_id, need.other_id].filter((id): id is string => id !== undefined);
  return settled(
    need,
    async () => {
      for (const peer of both) await call("mute_peer", { peer });
      await call("dismiss_need", { need_id: need.need_id });
      return "Both are muted: what they send is held";
    },
    () => Promise.all(both.map((peer) => call("unmute_peer", { peer }))),
  );
};

export async function setMuted({ peer_id: peer, name }: Peer, isMuted: boolean): Promise<void> {
  if (isMuted) {
    await call("mute_peer", { peer });
    return say(`${name} is muted: what it sends is held`, () => call("unmute_peer", { peer }));
  }
  const { released } = await call("unmute_peer", { peer });
  say(`${name} is unmuted${released > 0 ? `; ${plural(released, "message")} let through` : ""}`);
}

export async function setPaused({ pool_id: pool, name }: Pool, isPaused: boolean): Promise<void> {
  if (isPaused) {
    await call("pause_pool", { pool });
    return say(`@${name} is paused: what is said in it is held`, () => call("resume_pool", { pool }));
  }
  const { released } = await call("resume_pool", { pool });
  say(`@${name} is resumed${released > 0 ? `; ${plural(released, "message")} delivered` : ""}`);
}
