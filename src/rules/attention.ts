/**
 * What needs a person: one row per thing, derived from what is stored, so that a row goes by itself when its cause is gone.
 * What the operator has put aside comes back when there is more of it.
 */

import { asksForMail } from "./agents.ts";
import type {
  Facts,
  GuardNote,
  ListedService,
  Named,
  OpenVote,
  Question,
  StoppedDelivery,
  TroubledSession,
} from "./attention-facts.ts";
import type { Guard } from "./guards.ts";
import { type Hooks, isLive } from "./presence.ts";
import { isStale } from "./services.ts";
import { oneLine } from "./text.ts";
import { countVotes } from "./votes.ts";

/** In the order in which they are listed. */
export const needKinds = ["blocked", "vote", "question", "held", "dead", "guard", "nohook", "service"] as const;
export type NeedKind = (typeof needKinds)[number];

export interface Need {
  /** Stable while the thing lasts. */
  need_id: string;
  kind: NeedKind;
  /** Since when. */
  at: number;
  /** When there was last more of it. */
  changed_at: number;
  /** When it is too late to decide. */
  deadline?: number;
  peer_id?: string;
  /** The name of that peer, or of the service. */
  name: string;
  other_id?: string;
  other?: string;
  pool_id?: string;
  pool?: string;
  proposal_id?: string;
  votes?: { yes: number; no: number; voters: number; needed: number };
  service_id?: string;
  message_id?: string;
  message_ids?: string[];
  count?: number;
  guard?: Guard;
  tool?: string;
  what?: string;
  detail: string;
}

const MAX_DETAIL = 200;
/** Ids of messages in one row. */
const MAX_IDS = 20;

const line = (text: string): string => oneLine(text, MAX_DETAIL);

/** What needs a person now: by kind, in each kind the oldest first. */
export function needsOf(facts: Facts, now: number): Need[] {
  const all = [
    ...facts.sessions.flatMap((one) => blocked(one, now)),
    ...facts.votes.filter((one) => one.deadline > now).map(vote),
    ...facts.questions.filter(isOpenQuestion).map(question),
    ...byPair(facts.held.filter((one) => one.expires_at === null || one.expires_at > now)).map(held),
    ...byRecipient(facts.dead).map(dead),
    ...latestOf(facts.guards).map(guarded),
    ...facts.sessions.flatMap((one) => nohook(one, now)),
    ...facts.services.flatMap((one) => service(one, now)),
  ];
  const isOpen = (need: Need): boolean => need.changed_at > (facts.dismissed.get(need.need_id) ?? -1);
  return all.filter(isOpen).sort((a, b) => rank(a) - rank(b) || a.at - b.at || (a.need_id < b.need_id ? -1 : 1));
}

const rank = ({ kind }: Need): number => needKinds.indexOf(kind);

function blocked(peer: TroubledSession, now: number): Need[] {
  if (peer.presence !== "blocked" || !isLive(peer, now)) return [];
  const at = peer.since ?? peer.last_seen;
  const asks = {
    ...(peer.blocked_tool !== null && { tool: peer.blocked_tool }),
    ...(peer.blocked_what !== null && { what: peer.blocked_what }),
  };
  return [row("blocked", peer.peer_id, { at, ...named(peer), ...asks, detail: line(`in ${peer.cwd}`) })];
}

/** Mail waits, and nothing takes it. One that polls, or asks for its mail, takes it by itself. */
function nohook(peer: TroubledSession, now: number): Need[] {
  if (peer.hooks === "live" || peer.polls || asksForMail(peer) || peer.waiting === 0 || !isLive(peer, now)) return [];
  const at = peer.took_at ?? peer.created_at;
  return [row("nohook", peer.peer_id, { at, ...named(peer), count: peer.waiting, detail: WHY[peer.hooks] })];
}

const WHY: Record<Exclude<Hooks, "live">, string> = {
  quiet: "no hook takes its mail",
  unwritable: "its machine cannot write mail: its disk may be full",
  unserved: "its session server has ended, or cannot reach the broker",
};

function vote(one: OpenVote): Need {
  const { yes, no, voters, needed } = countVotes(one.ballots);
  return row("vote", one.proposal_id, {
    at: one.created_at,
    deadline: one.deadline,
    peer_id: one.subject_id,
    name: one.subject,
    pool_id: one.pool_id,
    pool: one.pool,
    proposal_id: one.proposal_id,
    votes: { yes, no, voters, needed },
    detail: line(one.reason),
  });
}

/** What asks waits for its answer; anything else, until it is read. */
const isOpenQuestion = (one: Question): boolean => !one.isAnswered && (one.isUnread || asks(one.text));

/** Latin, Arabic, Armenian and full-width question marks. */
export const asks = (text: string): boolean => /[?\u061f\u055e\uff1f]/.test(text);

const question = (one: Question): Need =>
  row("question", one.message_id, {
    at: one.sent_at,
    peer_id: one.from_id,
    name: one.from_name,
    message_id: one.message_id,
    detail: line(one.text),
  });

function held(group: Group): Need {
  const { first, last, all } = group;
  const due = all.flatMap(({ expires_at }) => expires_at ?? []);
  return row("held", `${first.peer_id}.${first.from_id}`, {
    at: first.sent_at,
    changed_at: last.sent_at,
    ...(due.length > 0 && { deadline: Math.min(...due) }),
    ...named(first),
    other_id: first.from_id,
    other: first.from_name,
    ...messagesOf(group),
    detail: line(first.text),
  });
}

/** The time when a delivery ended is not stored. So the id says which deliveries the group has: one more makes it a new row. */
function dead(group: Group): Need {
  const { first, last, all } = group;
  const which = all.reduce((sum, { seq }) => (sum + seq) % 0xffff_ffff, 0).toString(36);
  return row("dead", `${first.peer_id}.${all.length}.${which}`, {
    at: first.sent_at,
    changed_at: last.sent_at,
    ...named(first),
    ...messagesOf(group),
    detail: line(first.reason ?? first.text),
  });
}

function guarded(one: GuardNote): Need {
  return row("guard", `${one.from_id}.${one.to_id}`, {
    at: one.at,
    peer_id: one.from_id,
    name: one.from_name,
    ...(one.to_id === "" ? {} : { other_id: one.to_id, other: one.to_name }),
    guard: one.guard,
    detail: STOPPED[one.guard],
  });
}

const STOPPED: Record<Guard, string> = {
  repeat: "the same text again within a minute",
  hops: "a chain of replies that looks like a loop",
  pair: "too many messages to one address",
  sender: "too many messages",
  reports: "too much that is reported to others",
};

function service(one: ListedService, now: number): Need[] {
  const isGone = isStale(one, now);
  if (!isGone && one.health !== "unhealthy") return [];
  return [
    row("service", one.service_id, {
      at: isGone ? one.renewed_at + one.ttl : (one.health_since ?? one.registered_at),
      name: one.name,
      service_id: one.service_id,
      detail: line(`${isGone ? "not renewed" : "does not answer"}: ${one.url}, of ${one.owner_name}`),
    }),
  ];
}

type Row = Omit<Need, "need_id" | "kind" | "changed_at"> & { changed_at?: number };

const row = (kind: NeedKind, id: string, what: Row): Need => ({
  need_id: `${kind}.${id}`,
  kind,
  changed_at: what.at,
  ...what,
});

const named = ({ peer_id, name }: Named): Named => ({ peer_id, name });

const messagesOf = ({ first, all }: Group) => ({
  message_id: first.message_id,
  message_ids: all.slice(0, MAX_IDS).map(({ message_id }) => message_id),
  count: all.length,
});

/** Some deliveries, oldest first. */
interface Group {
  first: StoppedDelivery;
  last: StoppedDelivery;
  all: StoppedDelivery[];
}

const byPair = (all: readonly StoppedDelivery[]): Group[] => groups(all, (one) => `${one.peer_id} ${one.from_id}`);
const byRecipient = (all: readonly StoppedDelivery[]): Group[] => groups(all, (one) => one.peer_id);

function groups(all: readonly StoppedDelivery[], key: (one: StoppedDelivery) => string): Group[] {
  const found = new Map<string, Group>();
  for (const one of all.toSorted((a, b) => a.seq - b.seq)) {
    const group = found.get(key(one));
    if (group) {
      group.all.push(one);
      group.last = one;
    } else found.set(key(one), { first: one, last: one, all: [one] });
  }
  return [...found.values()];
}

/** Of each pair the latest: a guard trips again and again. */
function latestOf(notes: readonly GuardNote[]): GuardNote[] {
  const latest = new Map<string, GuardNote>();
  for (const note of notes.toSorted((a, b) => a.at - b.at)) latest.set(`${note.from_id} ${note.to_id}`, note);
  return [...latest.values()];
}

/** Whether a text can be the id of a row. */
export const isNeedId = (text: string): boolean =>
  needKinds.some((kind) => text.startsWith(`${kind}.`)) && /^[a-z]+\.[\w.@-]{1,150}$/.test(text);
