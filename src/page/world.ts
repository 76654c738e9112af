/** What makes runs differ: the browser's clock and its randomness. Nothing else reads them. */
import { signal } from "@preact/signals";

/** The broker's clock minus the browser's: ages count from times that the broker stamped. */
let ahead = 0;

export const timeNow = (): number => Date.now() + ahead;

/** The time that ages are counted to; it moves on every five seconds. */
export const now = signal(Date.now());

/** The broker says what time it is. */
export function setClock(brokerTime: number): void {
  ahead = brokerTime - Date.now();
  now.value = brokerTime;
}

export function startClock(): void {
  setInterval(() => {
    now.value = timeNow();
  }, 5_000);
}

/** A message's id, made here: a second try after a lost answer sends nothing twice. */
export const newMessageId = (): string => crypto.randomUUID();
