/**
 * Alerts of commands that follow a broker: what needs a person is shown on the desktop, once, and that the broker is away, which it
 * cannot tell itself. For each answer of `attention` call `look`, for each one that did not come `away`.
 */
import type { OutputOf } from "../../operations/index.ts";
import type { Config } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { quietHoursIn } from "../../platform/quiet-hours.ts";
import type { World } from "../../platform/world.ts";
import {
  asTold,
  isQuietAt,
  isUrgent,
  newsOf,
  subjectOf,
  type Told,
  upkeep,
  wishesIn,
} from "../../rules/notifications.ts";
import { hasElapsed } from "../../rules/presence.ts";
import { BROKER_AWAY, BROKER_BACK, manyNeeds, needSentence } from "../../rules/texts/needs.ts";
import { desktopOf, type Shown } from "./desktop.ts";

type Need = OutputOf<"attention">["needs"][number];

export interface Alert extends Shown {
  kind: Need["kind"] | "several" | "away" | "back";
  needs: readonly Need[];
}

export interface Alerts {
  look(needs: readonly Need[], now: number): Alert | undefined;
  away(now: number): Alert | undefined;
  /** `attention` failed with this. Throws it when asking again does not help. */
  failed(error: unknown, now: number): Alert | undefined;
}

/** A broker that restarts is back sooner. */
const AWAY_AFTER_MS = 15_000;
/** Between two alerts of needs. */
const GAP_MS = 10_000;
const MOST_LINES = 5;

/** With the settings of this home for notifications. */
export function createAlerts(config: Config): Alerts {
  const [wishes, quiet] = [wishesIn(config), quietHoursIn(config)];
  const lineOf = ({ detail, ...need }: Need): string =>
    config.notify_text ? `${needSentence({ ...need, detail })}: ${need.what ?? detail}` : needSentence(need);
  const memory = new Map<string, Told>();
  let shownAt: number | undefined;
  let missedSince: number | undefined;
  let isAway = false;

  function away(now: number): Alert | undefined {
    missedSince ??= now;
    if (isAway || !hasElapsed(missedSince, AWAY_AFTER_MS, now) || isQuietAt(quiet, now)) return undefined;
    isAway = true;
    return { title: "CCT", body: BROKER_AWAY, isUrgent: true, kind: "away", needs: [] };
  }

  return {
    away,
    failed(error, now) {
      if (!(error instanceof CctError) || error.code === "unauthorized" || error.code === "forbidden") throw error;
      // It answers, only not to this.
      if (error.code === "rate_limited") missedSince = undefined;
      return error.code === "rate_limited" ? undefined : away(now);
    },
    look(needs, now) {
      missedSince = undefined;
      if (isAway) {
        isAway = false;
        if (!isQuietAt(quiet, now))
          return { title: "CCT", body: BROKER_BACK, isUrgent: false, kind: "back", needs: [] };
      }
      const { keep, forget } = upkeep(needs, memory, now);
      for (const told of keep) memory.set(told.subject, told);
      for (const subject of forget) memory.delete(subject);
      if (isQuietAt(quiet, now) || (shownAt !== undefined && !hasElapsed(shownAt, GAP_MS, now))) return undefined;
      const news = newsOf(needs, memory, wishes, now);
      const [first] = news;
      if (!first) return undefined;
      for (const need of news) memory.set(subjectOf(need), asTold(need, now));
      shownAt = now;
      const urgent = news.some(isUrgent);
      if (news.length === 1)
        return { title: "CCT", body: lineOf(first), isUrgent: urgent, kind: first.kind, needs: news };
      const lines = news.slice(0, MOST_LINES).map(lineOf);
      if (news.length > MOST_LINES) lines.push(`and ${news.length - MOST_LINES} more`);
      return { title: manyNeeds(news.length), body: lines.join("\n"), isUrgent: urgent, kind: "several", needs: news };
    },
  };
}

/**
 * For a program that follows a broker, to call every few seconds. Resolves to what went wrong with the desktop, or `undefined`.
 * Throws `conflict` where there is no desktop.
 */
export function alertsOnDesktop(world: World, config: Config) {
  const desktop = desktopOf(world);
  if (!desktop)
    throw new CctError(
      "conflict",
      "There is no desktop here.",
      "Leave out --notify, or run it in a desktop's terminal.",
    );
  const alerts = createAlerts(config);
  return async ({ needs, now, isAway }: { needs: readonly Need[]; now: number; isAway: boolean }) => {
    const alert = isAway ? alerts.away(now) : alerts.look(needs, now);
    return alert && desktop.show(alert);
  };
}
