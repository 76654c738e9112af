/**
 * Notifications of the browser: what needs you, while no tab with the page is in sight. Off until one turns them on, in this
 * browser only. One tab tells, for all of them, and each need once.
 */
import { effect, signal } from "@preact/signals";
import { needKinds } from "../rules/attention.ts";
import { subjectOf, type Told } from "../rules/notifications.ts";
import { BROKER_AWAY, manyNeeds, needSentence, TEST_SENTENCE } from "../rules/texts/needs.ts";
import { lookAt } from "./notify-news.ts";
import { go, wantedNeed } from "./route.ts";
import { Refusal } from "./source.ts";
import { isReady, link, needs } from "./state.ts";
import { timeNow } from "./world.ts";

export const tellable = [...needKinds, "away"] as const;
export type Tellable = (typeof tellable)[number];

interface Wishes {
  isOn: boolean;
  /** What one does not want to be told. */
  without: readonly Tellable[];
  /** With the beginning of a message's text. */
  withText: boolean;
}

const WISHES = "cct-notify";
const TOLD = "cct-notified";
/** The locks of the tab that tells, and of tabs that are in sight. */
const TELLER = "cct-notify";
const SIGHT = "cct-in-sight";

/** A broker that is restarted is back sooner. */
const AWAY_MS = 10_000;
const AGAIN_MS = 20_000;
/** More than this at once are told as one. */
const MOST = 3;

const NONE: Wishes = { isOn: false, without: [], withText: false };

export const wishes = signal<Wishes>(NONE);

function stored<T>(key: string, otherwise: T): T {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function wish(changed: Partial<Wishes>): void {
  wishes.value = { ...wishes.value, ...changed };
  localStorage.setItem(WISHES, JSON.stringify(wishes.value));
}

/** What the browser says about them. */
export const permission = (): NotificationPermission | "unknown" =>
  typeof Notification === "undefined" ? "unknown" : Notification.permission;

/** Asks the person. Browsers allow that after a click only. Throws `Refusal`. */
export async function turnOn(): Promise<void> {
  const cannot = new Refusal("conflict", "This browser shows no notifications of this page.", "Use ntfy: cct notify.");
  if (permission() === "unknown") throw cannot;
  if ((await Notification.requestPermission()) !== "granted")
    throw new Refusal(
      "forbidden",
      "The browser does not allow notifications of this page.",
      "Allow them in the browser's settings for this address.",
    );
  try {
    new Notification(TEST_SENTENCE, { tag: "cct test" });
  } catch {
    // Browsers of phones have the permission and no notifications of pages.
    throw cannot;
  }
  wish({ isOn: true });
}

export function startNotify(): void {
  wishes.value = { ...NONE, ...stored(WISHES, NONE) };
  addEventListener("storage", ({ key }) => {
    if (key === WISHES) wishes.value = { ...NONE, ...stored(WISHES, NONE) };
  });
  holdInSight();
  void navigator.locks.request(TELLER, () => {
    effect(() => {
      const isLost = link.value === "lost";
      if (isLost) setTimeout(look, AWAY_MS);
      lostAt = isLost ? (lostAt ?? timeNow()) : undefined;
      if (isReady.value && needs.value && wishes.value) look();
    });
    setInterval(look, AGAIN_MS);
    // Until this tab is closed.
    return new Promise(() => {});
  });
}

/** Holds a lock for as long as this tab is in sight. */
function holdInSight(): void {
  let end: (() => void) | undefined;
  let turn = 0;
  function change(): void {
    end?.();
    end = undefined;
    const mine = ++turn;
    if (document.visibilityState !== "visible") return;
    // It is granted a moment later, when the tab may be out of sight again.
    void navigator.locks.request(SIGHT, { mode: "shared" }, () =>
      mine === turn ? new Promise<void>((resolve) => (end = resolve)) : undefined,
    );
  }
  document.addEventListener("visibilitychange", change);
  change();
}

const isInSight = async (): Promise<boolean> =>
  ((await navigator.locks.query()).held ?? []).some(({ name }) => name === SIGHT);

let lostAt: number | undefined;
let looking = Promise.resolve();

interface Shown {
  notification: Notification;
  /** What it is about: it closes when all of this is gone. */
  about: readonly string[];
}
const shown = new Map<string, Shown>();

/** One look after the other: each one writes down what it tells. */
function look(): void {
  looking = looking.then(tell).catch(() => {});
}

/** The broker that is away, among the subjects of needs. */
const AWAY = "away";

interface News {
  subject: string;
  title: string;
  text?: string;
}

/** What is remembered, for all tabs. */
interface Memory {
  told: readonly Told[];
  /** Whether it was told that the broker is away. */
  isAway: boolean;
}

async function tell(): Promise<void> {
  if (!isReady.peek()) return;
  const { isOn, without, withText } = wishes.peek();
  const mayTell = isOn && permission() === "granted" && !(await isInSight());
  const isWanted = (kind: Tellable): boolean => mayTell && !without.includes(kind);
  const { told = [], isAway: wasAway = false } = stored<Partial<Memory>>(TOLD, {});
  const open = needs.peek();
  const { news, memory } = lookAt(open, told, needKinds.filter(isWanted), timeNow());
  const isAway = lostAt !== undefined && timeNow() - lostAt >= AWAY_MS;
  localStorage.setItem(TOLD, JSON.stringify({ told: memory, isAway } satisfies Memory));
  closeGone(new Set([...open.map(subjectOf), ...(isAway ? [AWAY] : [])]));
  const fresh = news.map((need): News => {
    const text = withText && { text: need.detail };
    return { subject: subjectOf(need), title: needSentence(need), ...text };
  });
  if (isAway && !wasAway && isWanted("away")) fresh.push({ subject: AWAY, title: BROKER_AWAY });
  const about = fresh.map(({ subject }) => subject);
  if (fresh.length > MOST) show({ subject: "many", title: manyNeeds(fresh.length) }, about);
  else for (const one of fresh) show(one, [one.subject]);
}

function closeGone(open: ReadonlySet<string>): void {
  for (const [subject, { notification, about }] of shown) {
    if (about.some((one) => open.has(one))) continue;
    notification.close();
    shown.delete(subject);
  }
}

function show({ subject, title, text }: News, about: readonly string[]): void {
  // One with the same tag would take its place in silence.
  shown.get(subject)?.notification.close();
  const notification = new Notification(title, { tag: `cct ${subject}`, ...(text !== undefined && { body: text }) });
  shown.set(subject, { notification, about });
  notification.onclick = () => {
    focus();
    go("now");
    const need = needs.peek().find((one) => subjectOf(one) === subject);
    if (need) wantedNeed.value = need.need_id;
    notification.close();
  };
}
