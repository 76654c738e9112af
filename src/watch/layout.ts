/** Layout of the screen, and which list the keys move in. */
import { composerRows } from "./compose.ts";
import { detailRows } from "./details.ts";
import { type Item, kept, shown } from "./list.ts";
import { nowItems } from "./now.ts";
import { isWide, type ListName, type Place, type State } from "./state.ts";
import { grownOrder, messageItems, orderOf, talkItems } from "./talk.ts";

/** The views, the title, and a line of trouble. */
export const HEAD_ROWS = 3;
const SEPARATOR = 3;

export interface Layout {
  /** Rows between head and foot. */
  height: number;
  /** The columns of the list, and of what stands beside it. */
  left: number;
  right: number;
  rightAt: number;
}

export function layoutOf(state: State): Layout {
  const { columns, rows, composer, view } = state;
  const foot = 1 + (composer ? composerRows(state, composer, columns).rows.length : 1);
  const height = Math.max(1, rows - HEAD_ROWS - foot);
  if (!isWide(state)) return { height, left: columns, right: columns, rightAt: 0 };
  const left = Math.floor(columns * (view === "now" ? 0.6 : 0.36));
  return { height, left, right: columns - left - SEPARATOR, rightAt: left + SEPARATOR };
}

export interface List {
  name: ListName;
  items: Item[];
  place: Place;
  height: number;
}

export function listNamed(state: State, name: ListName): List {
  const { height } = layoutOf(state);
  return { name, items: itemsOf(state, name), place: state.places[name], height };
}

/** The items of a state, made once. */
const made = new WeakMap<State, Map<ListName, Item[]>>();

function itemsOf(state: State, name: ListName): Item[] {
  const all = made.get(state) ?? new Map<ListName, Item[]>();
  made.set(state, all);
  const items = all.get(name) ?? makeItems(state, name);
  all.set(name, items);
  return items;
}

function makeItems(state: State, name: ListName): Item[] {
  const { left, right } = layoutOf(state);
  switch (name) {
    case "now":
      return nowItems(state, left);
    case "talk":
      return talkItems(state, left);
    case "messages":
      return state.talk ? messageItems(state.talk, right) : [];
    case "details":
      return detailRows(state, state.details, right - 2).map((row, i) => ({ id: String(i), rows: [row] }));
  }
}

/** The list that the keys move in. */
export function activeList(state: State): ListName {
  const { view, details, talk, inTalk } = state;
  if (view === "talk") return talk && inTalk ? "messages" : "talk";
  return details === undefined || isWide(state) ? "now" : "details";
}

export const active = (state: State): List => listNamed(state, activeList(state));

/** Where one is in a list changes nothing in it. */
export function placed(state: State, name: ListName, place: Place): State {
  const next = { ...state, places: { ...state.places, [name]: place } };
  const items = made.get(state);
  if (items) made.set(next, items);
  return next;
}

/** After a change: what is chosen stays where it is on the screen; at the end of a conversation one stays at the end. */
export function settled(before: State, after: State): State {
  const isLooking = after.view === "talk" && before.view === "talk";
  const order = isLooking ? grownOrder(after.order, orderOf(after)) : orderOf(after);
  let state: State = { ...after, order };
  for (const name of ["now", "talk", "messages"] as const) {
    const old = listNamed(before, name);
    const now = listNamed(state, name);
    state = placed(state, name, placeOf(old, { ...now, place: state.places[name] }));
  }
  const [was, is] = [after.places.now.chosen, state.places.now.chosen];
  return was !== undefined && is !== was ? { ...state, movedAt: after.now } : state;

  function placeOf(old: List, now: List): Place {
    const { items, height, place } = now;
    const wasMoved = place.chosen !== old.place.chosen || place.top !== old.place.top;
    if (wasMoved || before.talk?.key !== after.talk?.key) return shown(items, place, height);
    const last = (list: List): string | undefined => list.items.findLast(({ id }) => id !== undefined)?.id;
    if (now.name === "messages" && place.chosen === last(old))
      return shown(items, { chosen: last(now), top: Number.MAX_SAFE_INTEGER }, height);
    return kept(old.items, items, place, height);
  }
}
