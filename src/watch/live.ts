/** Keeps the state up to date: keys of the person, the broker's feed, and the answers to what is asked. */
import type { Key } from "../cli/parts/context.ts";
import { withCommands } from "../cli/parts/vocabulary.ts";
import { type Client, isUnavailable } from "../client/client.ts";
import { followFeed } from "../client/feed.ts";
import type { OutputOf } from "../operations/index.ts";
import type { FeedBatch } from "../operations/support/feed-rows.ts";
import { CctError } from "../platform/errors.ts";
import type { World } from "../platform/world.ts";
import { talkOf } from "../rules/talk/key.ts";
import { withCounted } from "../rules/talk/talks.ts";
import { readOverview, readPage, readTalks } from "./asking.ts";
import { notSent, sent } from "./compose.ts";
import type { Deed, Done } from "./deed.ts";
import { send } from "./doing.ts";
import { settled } from "./layout.ts";
import { withBatch, withNeeds, withOlder, withOverview, withPage } from "./news.ts";
import { type Pressed, paste, press } from "./press.ts";
import { createReading, READ_MS } from "./reading.ts";
import { firstState, type State, wantsOlder } from "./state.ts";
import { createTimers } from "./timers.ts";
import { unreadOnScreen } from "./view.ts";
import type { Need, Overview } from "./words.ts";

/** Changes of what needs the person, and cut texts, are asked for once for all that happens within this time. */
const GATHER_MS = 500;
/** After a look that failed, for another reason than a lost connection. */
const AGAIN_MS = 2_000;
const TOAST_MS = 6_000;
const UNDO_MS = 6_000;

export interface Beginning {
  world: World;
  client: Client;
  size: { columns: number; rows: number };
  /** `user@machine` of the broker. */
  broker: string;
  overview: Overview;
  attention: OutputOf<"attention">;
}

interface Listener {
  /** The screen is to be painted; at once after a key. */
  changed(isKey: boolean): void;
  leave(): void;
  /** A fault of the program. */
  failed(error: unknown): void;
}

export interface Live {
  state(): State;
  /** `true`: the screen is to be painted as a whole. */
  key(key: Key): boolean;
  paste(text: string): void;
  resized(size: { columns: number; rows: number }): void;
  /** Time has passed: ages are renewed, also when nothing happens. */
  aged(): void;
  /** The state is on the screen. */
  painted(): void;
  /** The desktop shows no notifications, for this reason. */
  notNotified(reason: string): void;
  close(): void;
}

const words = (error: CctError): string => withCommands(`${error.message} ${error.hint}`.trim());

export function createLive({ world, client, size, broker, overview, attention }: Beginning, on: Listener): Live {
  let offset = overview.now - world.now();
  let state = firstState(size.columns, size.rows, broker);
  state = settled(state, withNeeds(withOverview({ ...state, now: overview.now }, overview), attention));
  const { later, cancel, guard, close } = createTimers(on.failed);
  let undo: Deed | undefined;
  let waiting: FeedBatch[] = [];
  let isLooking = false;
  let isClosed = false;
  let isNotified = true;
  /** After this place, messages of the open conversation may have been missed. */
  let gapAfter: number | undefined;

  function set(next: State, isKey = false): void {
    if (isClosed) return;
    const before = state;
    state = settled(before, { ...next, now: world.now() + offset });
    if (state.talk && state.talk.key !== before.talk?.key) {
      gapAfter = undefined;
      ask(loadTalk(state.talk.key));
    }
    if (wantsOlder(state)) ask(loadOlder());
    on.changed(isKey);
  }

  /** Asks the broker. Its refusals are not faults: what is shown stays, and says since when. */
  function ask(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!(error instanceof CctError)) on.failed(error);
    });
  }

  // Thrown in the feed, a fault would break the stream, and the same batch would come again.
  const troubleOf = (error: CctError): string => (error.code === "unavailable" ? "" : words(error));
  const feed = followFeed(client, world.random, {
    up: () => guard(() => set({ ...state, link: "live", trouble: "" })),
    down: (error) => guard(() => set({ ...state, link: "lost", trouble: troubleOf(error) })),
    batch(batch) {
      if (isLooking) waiting.push(batch);
      else guard(() => take([batch]));
    },
  });

  function take(batches: readonly FeedBatch[]): void {
    let next = state;
    // What was said meanwhile is not known.
    if (batches.some(({ look_again }) => look_again)) gapAfter ??= state.talk?.list.at(-1)?.seq;
    for (const batch of batches) next = withBatch(next, batch);
    set(next);
    const { talk } = state;
    const isCut = batches
      .flatMap(({ messages = [] }) => messages)
      .some((one) => talkOf(one) === talk?.key && one.characters > one.text.length);
    if (isCut) later("whole", GATHER_MS, () => ask(reloadTalk()));
    if (batches.some(({ look_again }) => look_again)) ask(lookAtAll());
    if (batches.some((one) => one.attention))
      later("needs", GATHER_MS, () => refresh("needs", loadNeeds, loadConversations));
    if (batches.some((one) => one.services)) later("services", GATHER_MS, () => refresh("services", loadServices));
  }

  /** Reads again what has changed, until that succeeds: the feed does not say it twice. */
  function refresh(name: string, ...loads: (() => Promise<void>)[]): void {
    const work = Promise.all(loads.map((load) => load()));
    ask(
      work.catch((error: unknown) => {
        if (!(error instanceof CctError)) throw error;
        later(name, AGAIN_MS, () => refresh(name, ...loads));
      }),
    );
  }

  /** Reads everything again, after which the feed goes on. */
  async function lookAtAll(): Promise<void> {
    if (isLooking) return;
    isLooking = true;
    try {
      const found = await readOverview(client);
      offset = found.now - world.now();
      set({ ...withOverview(state, found), trouble: "" });
      await Promise.all([loadNeeds(), loadConversations(), reloadTalk()]);
    } catch (error) {
      if (!(error instanceof CctError)) throw error;
      if (!isUnavailable(error)) set({ ...state, trouble: words(error) });
      later("look", AGAIN_MS, () => ask(lookAtAll()));
    } finally {
      isLooking = false;
      const missed = waiting;
      waiting = [];
      if (missed.length > 0) take(missed);
    }
  }

  async function loadNeeds(): Promise<void> {
    const found = await client.call("attention", {});
    set(withNeeds(state, found));
  }

  async function loadServices(): Promise<void> {
    const { services } = await client.call("overview", { limit: 1 });
    set({ ...state, services });
  }

  async function loadConversations(): Promise<void> {
    const found = await readTalks(client);
    set({ ...state, conversations: withCounted(state.conversations, found) });
  }

  /** The open conversation, unless another one was opened meanwhile. */
  function putTalk(key: string, change: (talk: NonNullable<State["talk"]>) => State["talk"]): void {
    if (state.talk?.key === key) set({ ...state, talk: change(state.talk) });
  }

  async function loadTalk(key: string): Promise<void> {
    const gap = gapAfter;
    gapAfter = undefined;
    try {
      const latest = await readPage(client, key);
      putTalk(key, (talk) => withPage(talk, latest, gap));
    } catch (error) {
      if (!(error instanceof CctError)) throw error;
      if (state.talk?.key === key) gapAfter = gap ?? gapAfter;
      later("whole", AGAIN_MS, () => ask(reloadTalk()));
      // What is there already stays.
      putTalk(key, (talk) => ({ ...talk, isLoading: false, problem: talk.list.length > 0 ? "" : words(error) }));
    }
  }

  async function reloadTalk(): Promise<void> {
    if (state.talk) await loadTalk(state.talk.key);
  }

  async function loadOlder(): Promise<void> {
    const { talk } = state;
    if (talk?.before === undefined) return;
    state = { ...state, talk: { ...talk, isLoading: true } };
    const older = await readPage(client, talk.key, talk.before).catch((error: unknown) => {
      if (!(error instanceof CctError)) throw error;
    });
    if (older) putTalk(talk.key, (now) => withOlder(now, older));
    else later("older", AGAIN_MS, () => putTalk(talk.key, (now) => ({ ...now, isLoading: false })));
  }

  function say(text: string, tone: "done" | "failed"): State {
    cancel("toast");
    // An error that came meanwhile stays.
    const over = (): void => set({ ...state, toast: state.toast?.tone === "done" ? undefined : state.toast });
    if (tone === "done") later("toast", TOAST_MS, over);
    return { ...state, toast: { text, tone } };
  }

  /** The way back, for some seconds, whatever is said meanwhile. */
  function offer(back: Deed | undefined): State {
    cancel("undo");
    undo = back;
    if (back) later("undo", UNDO_MS, () => set(offer(undefined)));
    return { ...state, canUndo: back !== undefined };
  }

  async function run(deed: Deed, need?: Need): Promise<void> {
    set({ ...state, running: state.running + 1 }, true);
    let done: Done | CctError;
    try {
      done = await deed(client);
    } catch (error) {
      if (!(error instanceof CctError)) throw error;
      done = error;
    }
    const settling = new Set([...state.settling].filter((id) => id !== need?.need_id));
    state = { ...state, running: state.running - 1, settling };
    if (done instanceof CctError) {
      set(say(words(done), "failed"), true);
    } else {
      state = offer(done.undo);
      const said = say(done.text, "done");
      set({ ...said, needs: said.needs.filter((one) => one.need_id !== need?.need_id) }, true);
    }
    refresh("needs", loadNeeds);
  }

  async function deliver(): Promise<void> {
    const { composer } = state;
    const id = composer?.attempt?.message_id;
    if (!composer || id === undefined) return;
    try {
      const { text } = await send(composer)(client);
      state = sent(state, id);
      set(say(text, "done"), true);
    } catch (error) {
      if (!(error instanceof CctError)) throw error;
      state = notSent(state, id, words(error), isUnavailable(error));
      const wasPutAside = state.composer?.attempt?.message_id !== id;
      set(wasPutAside ? say(`Not sent to ${composer.to.text.trim()}. ${words(error)}`, "failed") : state, true);
    }
  }

  const faults = (work: Promise<void>): void => void work.catch(on.failed);

  function follow({ state: next, deed, of, isSent, isUndo, isLeaving, isRepaint }: Pressed): boolean {
    set(next, true);
    if (isLeaving) on.leave();
    if (deed) faults(run(deed, of));
    if (isSent) faults(deliver());
    if (isUndo && undo) {
      const back = undo;
      set(offer(undefined), true);
      faults(run(back));
    }
    return isRepaint ?? false;
  }

  const reading = createReading(world.steady, (ids) => ask(client.call("mark_read", { message_ids: ids })));

  return {
    state: () => state,
    key: (key) => follow(press({ ...state, now: world.now() + offset }, key, world)),
    paste: (text) => set(paste(state, text), true),
    resized: (size) => set({ ...state, ...size }, true),
    aged: () => set(state),
    painted() {
      const mayRead = state.link === "live";
      if (reading.shown(mayRead ? unreadOnScreen(state) : [])) later("read", READ_MS, () => reading.mark());
    },
    notNotified(reason) {
      if (!isNotified) return;
      isNotified = false;
      set(say(`The desktop shows no notifications: ${reason}.`, "failed"));
    },
    close() {
      isClosed = true;
      feed.close();
      close();
    },
  };
}
