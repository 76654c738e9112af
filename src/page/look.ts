/** When this page was looked at last, kept by the browser: for what happened while one was away. */
import { signal } from "@preact/signals";
import { timeNow } from "./world.ts";

const KEY = "cct-last-look";
/** A shorter absence is none. */
const AWAY_MS = 10 * 60_000;
const NOTE_MS = 10_000;

/** The last look before the present one, if that was long ago. */
export const lastLook = signal<number | undefined>(undefined);

function compare(): void {
  const last = Number(localStorage.getItem(KEY));
  if (last > 0 && timeNow() - last > AWAY_MS) lastLook.value = last;
}

function note(): void {
  if (document.visibilityState === "visible") localStorage.setItem(KEY, String(timeNow()));
}

export function startLook(): void {
  compare();
  note();
  setInterval(note, NOTE_MS);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") compare();
    note();
  });
}
