/** What the terminal UI knows and shows. Everything is bounded, however long it runs. */
import type { Presence } from "../rules/presence.ts";
import type { Attempt, Outgoing } from "../rules/talk/attempt.ts";
import { isPoolTalk, othersIn, talkKey } from "../rules/talk/key.ts";
import { MOST_IN_TALK, type Part } from "../rules/talk/list.ts";
import { repoOf } from "../rules/texts/people.ts";
import type { Deed } from "./deed.ts";
import type { Field } from "./editor.ts";
import type { Conversation, MessageRow, Need, Peer, Pool, Service, Urgency } from "./words.ts";

type View = "now" | "talk";

export type Answered = Pick<MessageRow, "message_id" | "from" | "from_name" | "text">;

/** What one types and where it goes. */
export interface Draft {
  to: Field;
  text: Field;
  urgency: Urgency;
  /** The message that it answers. */
  answers?: Answered | undefined;
  /** What was tried to be sent, and its id. The same message keeps its id, so that trying again sends it once. */
  attempt?: Attempt | undefined;
  /** Why the broker did not take it. It stands until something in it changes. */
  problem: string;
}

export const outgoingOf = ({ to, text, urgency, answers }: Draft): Outgoing => ({
  to: to.text.trim(),
  text: text.text,
  urgency,
  ...(answers && { reply_to: answers.message_id }),
});

export interface Composer extends Draft {
  /** Where it is kept when one looks elsewhere. */
  key: string;
  field: "to" | "text";
  isSending: boolean;
  /** It was to be sent, and lacks something: it is said what, for as long as that is so. */
  isTried: boolean;
}

/** The open conversation. */
export interface Talk extends Part<MessageRow> {
  /** `@pool` or two ids. */
  key: string;
  isLoading: boolean;
  /** Why its messages cannot be shown. */
  problem: string;
  /** Messages that are shown as a whole, with what is known of them. */
  whole: ReadonlySet<string>;
}

/** A list: what is chosen in it, and the first line of it that is on the screen. */
export interface Place {
  chosen: string | undefined;
  top: number;
}

export type ListName = View | "messages" | "details";

/** What is done about a need, once it is confirmed. */
interface Decision {
  need: Need;
  deed: Deed;
}

interface Toast {
  text: string;
  tone: "done" | "failed";
}

export interface State {
  columns: number;
  rows: number;
  /** The broker's time. */
  now: number;
  link: "live" | "lost";
  /** What else keeps the broker from answering. */
  trouble: string;
  /** `user@machine` of the broker. */
  broker: string;
  peers: ReadonlyMap<string, Peer>;
  pools: readonly Pool[];
  needs: readonly Need[];
  /** Needs beyond those that are listed. */
  moreNeeds: number;
  services: readonly Service[];
  conversations: readonly Conversation[];
  /** The order of the conversations, which stays while one looks at them. */
  order: readonly string[];

  view: View;
  places: Readonly<Record<ListName, Place>>;
  /** The peer whose details are open. */
  details: string | undefined;
  talk: Talk | undefined;
  /** Whether keys go to the open conversation, or to the list beside it. */
  inTalk: boolean;
  filter: { text: Field; isTyping: boolean };
  /** Sessions that are away for long are listed, too. */
  isUnfolded: boolean;
  isHelp: boolean;
  composer: Composer | undefined;
  drafts: ReadonlyMap<string, Draft>;
  /** What is asked before it is done. */
  question: { text: string; yes: "send" | "quit" | Decision } | undefined;
  toast: Toast | undefined;
  /** When what was chosen in the first view went away, and its neighbour was chosen instead. */
  movedAt: number;
  /** What is being done. */
  running: number;
  /** Needs whose action is being done. */
  settling: ReadonlySet<string>;
  /** Whether the last deed can be taken back. */
  canUndo: boolean;
}

const TOP: Place = { chosen: undefined, top: 0 };

export const firstState = (columns: number, rows: number, broker: string): State => ({
  columns,
  rows,
  now: 0,
  link: "live",
  trouble: "",
  broker,
  peers: new Map(),
  pools: [],
  needs: [],
  moreNeeds: 0,
  services: [],
  conversations: [],
  order: [],
  view: "now",
  places: { now: TOP, talk: TOP, messages: TOP, details: TOP },
  details: undefined,
  talk: undefined,
  inTalk: false,
  filter: { text: { text: "", at: 0 }, isTyping: false },
  isUnfolded: false,
  isHelp: false,
  composer: undefined,
  drafts: new Map(),
  question: undefined,
  toast: undefined,
  movedAt: 0,
  running: 0,
  settling: new Set(),
  canUndo: false,
});

/** A text that was put aside while it was sent, and then was not: nothing else says so. */
export const unsentOf = ({ drafts }: State): [key: string, draft: Draft] | undefined =>
  [...drafts].find(([, { problem }]) => problem !== "");

/** From this width on, what is chosen stands beside the list. */
const WIDE = 120;
/** With less room nothing can be shown. */
export const NARROWEST = { columns: 40, rows: 10 };

export const isWide = ({ columns }: State): boolean => columns >= WIDE;

export const needCount = ({ needs, moreNeeds }: State): number => needs.length + moreNeeds;

export function presenceCounts({ peers }: State): Record<Presence, number> {
  const all: Record<Presence, number> = { active: 0, idle: 0, busy: 0, blocked: 0, offline: 0 };
  for (const { presence } of peers.values()) all[presence]++;
  return all;
}

/** By machine, repository and name: places never change by activity. */
export const sorted = (peers: Iterable<Peer>): Peer[] => {
  const place = (peer: Peer): string => `${peer.host}\n${repoOf(peer)}\n${peer.name}`;
  return [...peers].sort((a, b) => (place(a) < place(b) ? -1 : 1));
};

export const poolNamed = ({ pools }: State, key: string): Pool | undefined =>
  isPoolTalk(key) ? pools.find(({ name }) => `@${name}` === key) : undefined;

/** The members of a pool that are known here. */
export const membersOf = ({ peers }: State, { pool_id }: Pool): Peer[] =>
  [...peers.values()].filter((peer) => peer.pools.includes(pool_id));

/** Whether one looks at the beginning of what is there of the open conversation, and it has more. */
export function wantsOlder({ talk, view, inTalk, places, link }: State): boolean {
  if (!talk || view !== "talk" || !inTalk || link === "lost") return false;
  const { before, isLoading, list } = talk;
  return (
    before !== undefined && !isLoading && places.messages.top === 0 && list.length > 0 && list.length < MOST_IN_TALK
  );
}

/** The names of those who talk in a conversation besides you, or of its pool. */
export function namesIn(state: State, key: string): string[] {
  if (isPoolTalk(key)) return [key];
  const known = state.conversations.find((one) => talkKey(one) === key)?.with ?? [];
  return othersIn(key).map(
    (id) => state.peers.get(id)?.name ?? known.find((one) => one.id === id)?.name ?? id.slice(0, 4),
  );
}

/** Between two names. */
export const BETWEEN = " ↔ ";

/** The name of a conversation. */
export const titleOf = (state: State, key: string): string => namesIn(state, key).join(BETWEEN);
