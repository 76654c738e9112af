/** The keyboard. Single keys act where nobody types; they can be turned off. */

import { talkKey } from "../rules/talk/key.ts";
import { openCompose } from "./compose.tsx";
import { areKeysOn } from "./key-switch.ts";
import { openPalette } from "./palette.tsx";
import { composer } from "./reply.ts";
import { chosen, go, route } from "./route.ts";
import { conversations } from "./state.ts";
import { shownViews } from "./views.ts";

const items = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>("main [data-item]")];

function move(by: number): void {
  const all = items();
  const at = all.findIndex((one) => one.contains(document.activeElement));
  const start = by > 0 ? 0 : all.length - 1;
  const next = all[at < 0 ? start : Math.min(all.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

/** Presses a part of the item that has the focus; without one, of the first item that has such a part. */
function press(part: string): void {
  const selector = `[data-key="${part}"] button`;
  const own = document.activeElement?.closest("[data-item]");
  const item = own ?? items().find((one) => one.querySelector(selector));
  item?.querySelector<HTMLElement>(selector)?.click();
}

function reply(): void {
  const own = document.activeElement?.closest("[data-message]");
  if (own) press("r");
  else composer()?.focus();
}

function otherTalk(by: number): void {
  const keys = conversations.value.map(talkKey);
  const at = keys.indexOf(route.value.arg);
  const next = keys[(at + by + keys.length) % keys.length];
  if (next !== undefined) go("talk", next);
}

/** Presses the button of the view that has this key. Where there is none, the arrow moves what has the focus. */
function arrow(event: KeyboardEvent): void {
  const button = document.querySelector<HTMLElement>(`main button[aria-keyshortcuts="${event.key}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
}

function close(): void {
  chosen.value = undefined;
}

const acts: Record<string, () => void> = {
  "/": () => openPalette(),
  "?": () => openPalette("help"),
  c: () => openCompose(),
  j: () => move(1),
  k: () => move(-1),
  a: () => press("a"),
  x: () => press("x"),
  e: () => press("e"),
  r: reply,
  "[": () => otherTalk(-1),
  "]": () => otherTalk(1),
  Escape: close,
};

function pressed(event: KeyboardEvent): void {
  const { target, key } = event;
  if (!(target instanceof HTMLElement)) return;
  if ((event.metaKey || event.ctrlKey) && key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (document.querySelector("dialog[open]") || event.metaKey || event.ctrlKey || event.altKey) return;
  const isTyping = target.matches("input, textarea, select");
  if (isTyping) {
    if (key === "Escape") target.blur();
    return;
  }
  const onItem = document.activeElement?.matches("[data-item]") ?? false;
  if (onItem && (key === "ArrowDown" || key === "ArrowUp")) {
    event.preventDefault();
    move(key === "ArrowDown" ? 1 : -1);
    return;
  }
  if (key === "ArrowLeft" || key === "ArrowRight") {
    arrow(event);
    return;
  }
  if (key !== "Escape" && !areKeysOn()) return;
  const view = shownViews()[Number(key) - 1];
  const act = view ? () => go(view.name) : acts[key];
  if (!act) return;
  event.preventDefault();
  act();
}

export function startKeys(): void {
  addEventListener("keydown", pressed);
}
