/** Where the page is: every view, conversation and message has an address. */
import { signal } from "@preact/signals";

const views = ["now", "talk", "map", "time", "cost", "broker"] as const;
export type View = (typeof views)[number];

export interface Route {
  view: View;
  /** The conversation: `@pool` or two ids. */
  arg: string;
  /** The message in it. */
  message: string;
}

export interface Chosen {
  kind: "peer" | "message" | "pool";
  id: string;
}

export const route = signal<Route>({ view: "now", arg: "", message: "" });
/** What the details show. */
export const chosen = signal<Chosen | undefined>(undefined);
/** The need whose row takes the focus, wherever that was. */
export const wantedNeed = signal<string | undefined>(undefined);

const isView = (name: string): name is View => views.some((view) => view === name);

function read(): void {
  const [, name = "", arg = ""] = location.pathname.split("/");
  const view = isView(name) ? name : "now";
  route.value = { view, arg: decoded(arg), message: decoded(location.hash.slice(1)) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export const addressOf = (view: View, arg = "", message = ""): string =>
  `/${view}${arg ? `/${encodeURIComponent(arg).replaceAll("%40", "@").replaceAll("%7E", "~")}` : ""}${message ? `#${message}` : ""}`;

export function go(view: View, arg = "", message = ""): void {
  const to = addressOf(view, arg, message);
  if (to !== location.pathname + location.hash) history.pushState(null, "", to);
  read();
}

/** Goes on from here without a way back: after a login. */
export function goFirst(view: View): void {
  history.replaceState(null, "", addressOf(view));
  read();
}

export function startRoute(): void {
  addEventListener("popstate", read);
  addEventListener("hashchange", read);
  read();
}
