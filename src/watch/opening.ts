/** What opens what: conversations, details, the composer. */
import { OPERATOR_NAME } from "../rules/names.ts";
import { pairKey } from "../rules/talk/key.ts";
import { peerOfView } from "./actions.ts";
import { addressOf, composing, writingIn } from "./compose.ts";
import { active, listNamed, placed } from "./layout.ts";
import { FOLD, needChosen } from "./now.ts";
import { isWide, type State, unsentOf } from "./state.ts";
import type { MessageRow, Need } from "./words.ts";

export function openTalk(state: State, key: string): State {
  const isOpen = state.talk?.key === key;
  return {
    ...state,
    view: "talk",
    inTalk: true,
    talk: isOpen ? state.talk : { key, list: [], isLoading: true, problem: "", whole: new Set() },
    places: { ...state.places, talk: { ...state.places.talk, chosen: key } },
  };
}

export const needOf = (state: State): Need | undefined => needChosen(state, state.places.now.chosen);

export function messageOf(state: State): MessageRow | undefined {
  const { chosen } = listNamed(state, "messages").place;
  return state.talk?.list.find(({ message_id }) => message_id === chosen);
}

export const isReading = (state: State): boolean => state.view === "talk" && state.inTalk && state.talk !== undefined;

export function opened(state: State): State {
  const { name, place } = active(state);
  if (name === "talk") return place.chosen === undefined ? state : openTalk(state, place.chosen);
  if (name === "messages") return toggled(state);
  if (name === "details") return state;
  if (place.chosen === FOLD) return { ...state, isUnfolded: true };
  const need = needOf(state);
  if (need?.kind === "question") return replying(state);
  return place.chosen === undefined || isWide(state) ? state : detailed(state, place.chosen);
}

export const detailed = (state: State, item: string): State =>
  placed({ ...state, details: item }, "details", { chosen: undefined, top: 0 });

/** A message as a whole, or its beginning. */
function toggled(state: State): State {
  const message = messageOf(state);
  if (!message || !state.talk) return state;
  const whole = new Set(state.talk.whole);
  if (!whole.delete(message.message_id)) whole.add(message.message_id);
  return { ...state, talk: { ...state.talk, whole } };
}

export function composed(state: State): State {
  if (isReading(state) && state.talk) return writingIn(state, state.talk.key);
  if (state.view === "talk") {
    const { chosen } = state.places.talk;
    return chosen === undefined ? composing(state, { key: "new", to: "" }) : writingIn(state, chosen);
  }
  const peer = peerOfView(state);
  return peer
    ? composing(state, { key: pairKey(OPERATOR_NAME, peer.peer_id), to: addressOf(state, peer) })
    : composing(state, { key: "new", to: "" });
}

/** Answers the chosen message, or the question that is chosen. */
export function replying(state: State): State {
  if (isReading(state) && state.talk) {
    const message = messageOf(state);
    const isOther = message && message.from !== OPERATOR_NAME && message.from !== "cct";
    return writingIn(state, state.talk.key, isOther ? message : undefined);
  }
  const need = state.view === "now" ? needOf(state) : undefined;
  if (need?.kind !== "question" || need.peer_id === undefined) return composed(state);
  const key = pairKey(OPERATOR_NAME, need.peer_id);
  const { peer_id: from, name: from_name, message_id = "", detail: text } = need;
  return writingIn(openTalk(state, key), key, { from, from_name, message_id, text });
}

/** The text that was put aside and not sent. */
export function unsentOpened(state: State): State {
  const [key, draft] = unsentOf(state) ?? [];
  return key === undefined || !draft ? state : composing(state, { key, to: draft.to.text });
}

export function talked(state: State): State {
  const peer = peerOfView(state);
  return peer ? openTalk(state, pairKey(OPERATOR_NAME, peer.peer_id)) : state;
}
