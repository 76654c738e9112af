/**
 * Tells a person outside of CCT what needs them: looks for news at each sweep, and sends what is due. What is to be told is
 * stored first, so that of several brokers one sends it, and one that dies leaves it to another.
 */
import type { Logger } from "pino";
import type { Environment } from "../../operations/core/transaction.ts";
import { needsFor } from "../../operations/support/needs.ts";
import { systemCode } from "../../platform/errors.ts";
import { OPERATOR_NAME } from "../../rules/names.ts";
import {
  asTold,
  type Channel,
  CLAIM_MS,
  GAP_MS,
  isQuietAt,
  MAX_ATTEMPTS,
  newsOf,
  pauseAfter,
  subjectOf,
  type Told,
  upkeep,
} from "../../rules/notifications.ts";
import { hasElapsed } from "../../rules/presence.ts";
import {
  beginNotification,
  claimNotifications,
  deleteTold,
  endNotification,
  isDue,
  isPaused,
  latestNotifications,
  type Notification,
  notificationFailed,
  notificationSent,
  purposes,
  putTold,
  retryAtOnce,
  toldNeeds,
} from "../../store/notifications.ts";
import type { Sql } from "../../store/store.ts";
import type { NotifyPlan, Sender } from "./channels.ts";
import { post } from "./post.ts";
import { withoutKeys } from "./without-keys.ts";

/** Entries of one look that are forgotten, or begun in one notification. */
const MOST = 500;

export interface Notifier {
  /** Looks for news and sends what is due, unless it is still at it. Resolves, whatever happens, when that has ended. */
  tick(): Promise<void>;
  /** Breaks off what is being sent: it is sent again after the claim, with the same id. */
  stop(): Promise<void>;
}

interface Parts {
  environment: Environment;
  plan: NotifyPlan;
  /** Whether this broker is the one to look: of several that share a database and have the channel, one does. */
  isOurTurn(channel: Channel): Promise<boolean>;
  log: Logger;
}

export function createNotifier({ environment, plan, isOurTurn, log }: Parts): Notifier {
  const { store, now } = environment;
  const ending = new AbortController();
  const running = new Map<string, Promise<void>>();
  /** Channels that this broker has looked at. Settings change with a start: what failed at another address was no fault of this one. */
  const begun = new Set<Channel>();
  /** Work whose last run failed, by name. */
  const failing = new Set<string>();

  const needs = (sql: Sql, at: number) => needsFor({ sql, now: at, confirmed: environment.confirmed() }, OPERATOR_NAME);

  /** What has changed for a channel since the last look. */
  async function changesOf(sql: Sql, channel: Channel, at: number) {
    const open = await needs(sql, at);
    const memory = await toldNeeds(sql, channel);
    const latest = (await latestNotifications(sql)).find((one) => one.channel === channel && one.purpose === "needs");
    // One at a time: what comes meanwhile is told with the next one.
    const isFree = latest === undefined || (latest.due_at === null && hasElapsed(latest.made_at, GAP_MS, at));
    const news = isQuietAt(plan.quiet, at) || !isFree ? [] : newsOf(open, memory, plan.wishes, at).slice(0, MOST);
    return { news, ...upkeep(open, memory, at) };
  }

  async function look(channel: Channel): Promise<void> {
    const isIdle = (found: Awaited<ReturnType<typeof changesOf>>): boolean =>
      found.news.length + found.keep.length + found.forget.length === 0;
    if (isIdle(await store.read((sql) => changesOf(sql, channel, now())))) return;
    const notification_id = environment.newId();
    await store.tx(async (sql) => {
      const at = now();
      const { news, keep, forget } = await changesOf(sql, channel, at);
      const told: Told[] = [...keep, ...news.map((need) => asTold(need, at))];
      for (const one of told) await putTold(sql, channel, one);
      if (forget.length > 0) await deleteTold(sql, channel, forget.slice(0, MOST));
      if (news.length === 0) return;
      const subjects = news.map(subjectOf);
      await beginNotification(sql, { channel, purpose: "needs", notification_id, subjects }, at);
    });
  }

  async function deliver(sender: Sender): Promise<void> {
    const { channel } = sender;
    // A test is asked for; the rest waits until the quiet hours are over.
    const open = isQuietAt(plan.quiet, now()) ? (["test"] as const) : purposes;
    const isToClaim = (one: Notification): boolean =>
      one.channel === channel && isDue(one, now()) && open.some((purpose) => purpose === one.purpose);
    const latest = await store.read(latestNotifications);
    const isWaiting = (one: Notification): boolean => one.channel === channel && isPaused(one, now());
    const isFresh = !begun.has(channel);
    begun.add(channel);
    if (isFresh && latest.some(isWaiting)) await store.tx((sql) => retryAtOnce(sql, channel, now()));
    else if (!latest.some(isToClaim)) return;
    const claimed = await store.tx((sql) => claimNotifications(sql, channel, open, now(), now() + CLAIM_MS));
    for (const one of claimed) await attempt(sender, one);
  }

  async function attempt(sender: Sender, one: Notification): Promise<void> {
    // What needs nobody any more is left out.
    const open = one.purpose === "test" ? [] : await store.read((sql) => needs(sql, now()));
    const due = open.filter((need) => one.subjects.includes(subjectOf(need)));
    const told = plan.shown.text ? await withoutKeys(due) : due;
    if (one.purpose === "needs" && told.length === 0) return store.tx((sql) => endNotification(sql, one));
    const { notification_id, made_at } = one;
    const what = sender.post({ notification_id, made_at, sending_at: now(), needs: told });
    const wrong = await post(what, ending.signal).catch((error) => systemCode(error) ?? "the request cannot be made");
    if (ending.signal.aborted) return;
    if (wrong === undefined) return store.tx((sql) => notificationSent(sql, one, now()));
    const isLast = one.purpose === "test" || one.attempts >= MAX_ATTEMPTS;
    const again = isLast ? null : now() + pauseAfter(one.attempts);
    await store.tx((sql) => notificationFailed(sql, one, wrong, now(), again));
    if (isLast && one.purpose === "needs")
      log.warn({ channel: one.channel, attempts: one.attempts, reason: wrong }, "a notification was given up");
  }

  /** Each piece of work on its own: a receiver that does not answer keeps nothing else waiting. */
  function start(name: string, work: () => Promise<void>): void {
    if (running.has(name) || ending.signal.aborted) return;
    const done = work().then(
      () => void failing.delete(name),
      (error: unknown) => {
        // The first of several: a database may be down for long.
        if (!failing.has(name) && !ending.signal.aborted) log.error({ err: error }, "notifications failed");
        failing.add(name);
      },
    );
    running.set(
      name,
      done.finally(() => running.delete(name)),
    );
  }

  return {
    async tick() {
      start("look", async () => {
        for (const { channel } of plan.senders) if (await isOurTurn(channel)) await look(channel);
      });
      for (const sender of plan.senders) start(sender.channel, () => deliver(sender));
      await Promise.all(running.values());
    },
    async stop() {
      ending.abort();
      await Promise.all(running.values());
    },
  };
}
