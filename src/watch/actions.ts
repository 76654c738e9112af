/** What one can do about what is chosen: at most two actions of a need, and what a session or pool offers. */
import { OPERATOR_NAME } from "../rules/names.ts";
import { isPoolTalk, othersIn, pairKey } from "../rules/talk/key.ts";
import { heldQuestion, type Question, serviceQuestion, voteQuestion } from "../rules/texts/questions.ts";
import { addressOf } from "./compose.ts";
import type { Deed } from "./deed.ts";
import { decideHeld, decideVote, muteBoth, removeService, sendAgain } from "./doing.ts";
import { needChosen, needItem, peerChosen } from "./now.ts";
import { poolNamed, type State } from "./state.ts";
import type { Need, Peer, Pool } from "./words.ts";

/** What an action does: at once, or at the broker. `asks`: before what cannot be taken back. */
export type Step =
  | { does: "deed"; deed: Deed; asks?: Question }
  | { does: "answer" }
  | { does: "details"; item: string }
  | { does: "talk"; key: string }
  | { does: "write"; key: string; to: string };

export type Action = readonly [text: string, step: Step];

const deed = (one: Deed): Step => ({ does: "deed", deed: one });
const asked = (asks: Question, one: Deed): Step => ({ does: "deed", deed: one, asks });

/** Where a loop, or mail that ended unread, can be read. */
function talkOfNeed({ other, other_id, peer_id = "" }: Need): string {
  if (other?.startsWith("@")) return other;
  return pairKey(peer_id, other_id ?? OPERATOR_NAME);
}

export function actionsOf(state: State, need: Need): Action[] {
  const details: Step = { does: "details", item: needItem(need) };
  switch (need.kind) {
    case "blocked":
      return [["Where is it?", details]];
    case "vote":
      return [
        ["Release", asked(voteQuestion(need, "passed"), decideVote(need, "passed"))],
        ["Keep", asked(voteQuestion(need, "rejected"), decideVote(need, "rejected"))],
      ];
    case "question":
      return [["Answer", { does: "answer" }]];
    case "held":
      return [
        ["Let through", asked(heldQuestion(need, "accept"), decideHeld(need, "accept"))],
        ["Refuse", asked(heldQuestion(need, "refuse"), decideHeld(need, "refuse"))],
      ];
    case "dead":
      return [
        ["Send again", deed(sendAgain(need))],
        ["Look", details],
      ];
    case "guard":
      return [
        ["Read it", { does: "talk", key: talkOfNeed(need) }],
        ["Mute both", deed(muteBoth(need))],
      ];
    case "nohook":
      return [["Why?", details]];
    case "service":
      return [
        ["Ask the owner", { does: "write", ...ownerOf(state, need) }],
        ["Remove", asked(serviceQuestion(need), removeService(need))],
      ];
  }
}

/** Where one writes to the owner of a service: in the conversation with it, if it is still there. */
function ownerOf(state: State, { service_id }: Need): { key: string; to: string } {
  const service = state.services.find((one) => one.service_id === service_id);
  const peer = state.peers.get(service?.owner ?? "");
  if (peer) return { key: pairKey(OPERATOR_NAME, peer.peer_id), to: addressOf(state, peer) };
  const to = service?.owner_name ?? "";
  return { key: `new:${to}`, to };
}

/** The session that keys are about. */
export function peerOfView(state: State): Peer | undefined {
  if (state.view === "now") {
    const item = state.places.now.chosen;
    const need = needChosen(state, item);
    return peerChosen(state, item) ?? state.peers.get(need?.peer_id ?? "");
  }
  const key = keyOfView(state);
  const [only, ...more] = key === undefined || isPoolTalk(key) ? [] : othersIn(key);
  return only === undefined || more.length > 0 ? undefined : state.peers.get(only);
}

/** The pool that keys are about. */
export function poolOfView(state: State): Pool | undefined {
  const key = state.view === "talk" ? keyOfView(state) : undefined;
  return key === undefined ? undefined : poolNamed(state, key);
}

const keyOfView = ({ talk, inTalk, places }: State): string | undefined =>
  inTalk && talk ? talk.key : places.talk.chosen;
