/**
 * Notifications: which needs a person is told outside of CCT, and when. A need is told once, and again when there is more of
 * it. What comes close together is told together.
 */
import { type Need, type NeedKind, needKinds } from "./attention.ts";
import { hasElapsed } from "./presence.ts";

/** The ways out of a broker. */
export const channels = ["ntfy", "webhook"] as const;
export type Channel = (typeof channels)[number];

/** Votes are notified only shortly before their deadline: most are decided without the person. */
export const VOTE_SOON_MS = 5 * 60_000;
/** Between two notifications of a channel. */
export const GAP_MS = 60_000;
/** Held mail and dead letters grow message by message: they are told again after this time. */
const AGAIN_MS = 10 * 60_000;
/** A need that is gone is remembered for so long: a session is not live for a while after a restart, and then the same again. */
const REMEMBER_MS = 7 * 86_400_000;
/** Needs that are gone and remembered: the last ones. */
const MOST_GONE = 1_000;
/** How exactly it is known when a need was there last. */
const SEEN_MS = 3_600_000;

/** How often a notification is tried. With the pauses between them: for about twenty minutes. */
export const MAX_ATTEMPTS = 8;
const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 15 * 60_000;

/** Another broker tries after this time: longer than one attempt takes. */
export const CLAIM_MS = 30_000;
/** A notification that is due later than this got its time from a clock that was ahead: it is due now. */
export const MAX_WAIT_MS = MAX_PAUSE_MS + CLAIM_MS;

/** Until a notification is tried again after so many attempts. */
export const pauseAfter = (attempts: number): number =>
  Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(20, Math.max(0, attempts - 1)));

export const progresses = ["idle", "waiting", "trying", "failed"] as const;

/** How the latest notification of a channel goes. */
export function progressOf({
  due_at,
  error,
  attempts,
}: {
  due_at: number | null;
  error: string | null;
  attempts: number;
}): (typeof progresses)[number] {
  if (due_at === null) return error === null ? "idle" : "failed";
  return error !== null && attempts > 0 ? "trying" : "waiting";
}

/** How a broker tells a person of needs, as it shows it: without secrets. */
export interface Notifying {
  channels: readonly Way[];
  kinds: readonly NeedKind[];
  /** As it was set. */
  quiet: string | undefined;
  /** Whether texts, commands, files, directories and URLs are sent too. */
  text: boolean;
}

export interface Way {
  channel: Channel;
  /** The host of its address. The rest of it may be a secret. */
  place: string;
  /** Whether receivers can check who sent it. Only a webhook can be signed. */
  signed?: boolean | undefined;
  /** Plain HTTP to another machine. */
  isPlain: boolean;
}

/** What a person wants to be told. */
export interface Wishes {
  kinds: readonly NeedKind[];
  /** A need that is gone sooner is not told. */
  afterMs: number;
}

/** From the settings: the same for channels and desktops. */
export const wishesIn = (settings: {
  notify_kinds: readonly string[] | undefined;
  notify_after_seconds: number;
}): Wishes => ({
  kinds: needKinds.filter((kind) => settings.notify_kinds?.includes(kind) ?? true),
  afterMs: settings.notify_after_seconds * 1000,
});

/** What is remembered about a need that was told. */
export interface Told {
  subject: string;
  /** How much of it there was. */
  level: number;
  told_at: number;
  seen_at: number;
}

/** Those that wait for an answer; what went wrong can wait. */
export const isUrgent = ({ kind }: Pick<Need, "kind">): boolean =>
  kind === "blocked" || kind === "vote" || kind === "question";

/** A need as it is stored, or as a client gets it. */
type Listed = Pick<Need, "kind" | "need_id" | "at" | "changed_at"> & {
  [K in "deadline" | "peer_id" | "count"]?: Need[K] | undefined;
};

/** What is told once. The id of dead letters says which they are, so that one less is another row: here they are one subject. */
export const subjectOf = (need: Listed): string => (need.kind === "dead" ? `dead.${need.peer_id}` : need.need_id);

/** What grows when there is more of it. */
const levelOf = (need: Listed): number => (need.kind === "dead" ? (need.count ?? 1) : need.changed_at);

const grows = ({ kind }: Listed): boolean => kind === "held" || kind === "dead";

type Memory = ReadonlyMap<string, Told>;

/** The needs to tell now, in their order. */
export const newsOf = <N extends Listed>(needs: readonly N[], memory: Memory, wishes: Wishes, now: number): N[] =>
  needs.filter((need) => wishes.kinds.includes(need.kind) && isDue(need, wishes, now) && isNew(need, memory, now));

function isDue(need: Listed, { afterMs }: Wishes, now: number): boolean {
  if (need.kind === "vote") return need.deadline !== undefined && need.deadline - now <= VOTE_SOON_MS;
  return hasElapsed(need.at, afterMs, now);
}

function isNew(need: Listed, memory: Memory, now: number): boolean {
  const told = memory.get(subjectOf(need));
  if (told === undefined) return true;
  return levelOf(need) > told.level && (!grows(need) || hasElapsed(told.told_at, AGAIN_MS, now));
}

export const asTold = (need: Listed, now: number): Told => ({
  subject: subjectOf(need),
  level: levelOf(need),
  told_at: now,
  seen_at: now,
});

/** How the memory follows what happens: entries to write, and subjects to forget. Its size has a bound. */
export function upkeep(needs: readonly Listed[], memory: Memory, now: number): { keep: Told[]; forget: string[] } {
  const open = new Map(needs.map((need) => [subjectOf(need), need]));
  const keep: Told[] = [];
  const gone: Told[] = [];
  for (const told of memory.values()) {
    const need = open.get(told.subject);
    if (!need) gone.push(told);
    else if (levelOf(need) < told.level || hasElapsed(told.seen_at, SEEN_MS, now))
      keep.push({ ...told, level: Math.min(told.level, levelOf(need)), seen_at: now });
  }
  gone.sort((a, b) => b.seen_at - a.seen_at);
  // The number of dead letters begins again; of other subjects the same again is nothing new.
  const isOver = (told: Told, i: number): boolean =>
    i >= MOST_GONE || told.subject.startsWith("dead.") || hasElapsed(told.seen_at, REMEMBER_MS, now);
  return { keep, forget: gone.filter(isOver).map(({ subject }) => subject) };
}

/** Hours in which no notifications are sent, in minutes of the day. `to` may be below `from`: across midnight. */
export interface QuietHours {
  from: number;
  to: number;
  /** As in `Europe/Berlin`; `undefined`: that of the machine. */
  zone: string | undefined;
}

export const isQuiet = ({ from, to }: QuietHours, minute: number): boolean =>
  from <= to ? from <= minute && minute < to : from <= minute || minute < to;

/** Without quiet hours it never is. */
export const isQuietAt = (hours: QuietHours | undefined, now: number): boolean =>
  hours !== undefined && isQuiet(hours, minuteOfDay(now, hours.zone));

/** The minute of the day that a clock on the wall shows: it follows summer time. */
export function minuteOfDay(now: number, zone: string | undefined): number {
  const shown = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    ...(zone !== undefined && { timeZone: zone }),
  }).formatToParts(now);
  const part = (type: string): number => Number(shown.find((one) => one.type === type)?.value ?? 0);
  return part("hour") * 60 + part("minute");
}
