/** The actions of a person: each says its result, and offers Undo where the broker can take it back. */
import type { Outgoing } from "../rules/talk/attempt.ts";
import { interruptsMany } from "../rules/talk/reach.ts";
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
import { confirmFirst } from "./confirm.tsx";
import { readNeeds } from "./live.ts";
import { call } from "./source.ts";
import { needs, sizeOf } from "./state.ts";
import { say } from "./toast.tsx";
import type { Need, Peer, Pool, Service } from "./types.ts";
import { plural } from "./words.ts";

/** Sends, and says what became of it. */
const send = async (outgoing: Outgoing, message_id: string): Promise<void> =>
  say(sentWords(await call("send_message", { ...outgoing, message_id })));

/** Sends at once, or, when it would stop many sessions, after a question. */
export async function sendCarefully(outgoing: Outgoing, message_id: string, done: () => void): Promise<void> {
  const run = (): Promise<void> => send(outgoing, message_id).then(done);
  const size = sizeOf(outgoing.to);
  if (!interruptsMany(outgoing.urgency, size)) return run();
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
  say(text, undo && (() => undo().then(readNeeds)));
  void readNeeds();
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

/** A vote that is decided cannot be opened again. */
export function decideVote(need: Need, decision: "passed" | "rejected"): void {
  const isRelease = decision === "passed";
  const { name, pool = "" } = need;
  confirmFirst({
    title: isRelease ? `Release ${name} from @${pool}?` : `Keep ${name} in @${pool}?`,
    text: `The vote ends at once, whatever is still to be said. ${isRelease ? `${name} can finish and then leaves.` : `${name} stays a member.`}`,
    yes: isRelease ? "Release" : "Keep",
    isHarsh: isRelease,
    run: () =>
      settled(need, async () => {
        await call("decide_release", { proposal_id: need.proposal_id ?? "", decision });
        return voteDecided(need, decision);
      }),
  });
}

export function decideHeld(need: Need, decision: "accept" | "refuse"): void {
  const ids = idsOf(need);
  confirmHeld(decision, ids.length, `to ${need.name}`, () =>
    settled(need, async () => {
      for (const message_id of ids)
        await call("decide_held", { message_id, peer: need.peer_id ?? need.name, decision });
      return heldDecided(need, decision);
    }),
  );
}

/** What a model has read, or a sender was told, cannot be taken back. `to`: whose mail it is. */
export function confirmHeld(
  decision: "accept" | "refuse",
  count: number,
  to: string,
  run: () => Promise<unknown>,
): void {
  const isAccept = decision === "accept";
  confirmFirst({
    title: `${isAccept ? "Let through" : "Refuse"} ${plural(count, "message")} ${to}?`,
    text: isAccept ? "It goes to the model as if nothing had held it." : "It is not delivered, and the sender is told.",
    yes: isAccept ? "Let through" : "Refuse",
    isHarsh: !isAccept,
    run,
  });
}

export const sendAgain = (need: Need): Promise<void> =>
  settled(need, async () => {
    for (const message_id of idsOf(need)) await call("resend_message", { message_id });
    await call("dismiss_need", { need_id: need.need_id });
    return sentAgain(need);
  });

const confirmRemoval = (name: string, run: () => Promise<unknown>): void =>
  confirmFirst({
    title: `Remove ${name}?`,
    text: "Sessions do not find it any more. Only its owner can register it again.",
    yes: "Remove",
    run,
  });

export const removeService = (need: Need): void =>
  confirmRemoval(need.name, () =>
    settled(need, async () => {
      await call("unregister_service", { service: need.service_id ?? need.name });
      return serviceRemoved(need);
    }),
  );

/** From the list of services. */
export const removeListed = ({ service_id: service, name }: Service): void =>
  confirmRemoval(name, async () => {
    await call("unregister_service", { service });
    say(serviceRemoved({ name }));
  });

export const muteBoth = (need: Need): Promise<void> => {
  const both = [need.peer_id, need.other_id].filter((id): id is string => id !== undefined);
  return settled(
    need,
    async () => {
      for (const peer of both) await call("mute_peer", { peer });
      await call("dismiss_need", { need_id: need.need_id });
      return BOTH_MUTED;
    },
    () => Promise.all(both.map((peer) => call("unmute_peer", { peer }))),
  );
};

export async function setMuted(peer: Peer, isMuted: boolean): Promise<void> {
  const which = { peer: peer.peer_id };
  if (isMuted) {
    await call("mute_peer", which);
    return say(muted(peer), () => call("unmute_peer", which));
  }
  say(unmuted(peer, (await call("unmute_peer", which)).released), () => call("mute_peer", which));
}

export async function setPaused(pool: Pool, isPaused: boolean): Promise<void> {
  const which = { pool: pool.pool_id };
  if (isPaused) {
    await call("pause_pool", which);
    return say(paused(pool), () => call("resume_pool", which));
  }
  say(resumed(pool, (await call("resume_pool", which)).released), () => call("pause_pool", which));
}
