/** Times and numbers as people read them. */
export { span } from "../rules/text.ts";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const hhmm = (at: number): string => clock.format(at);
export const hhmmss = (at: number): string => clockWithSeconds.format(at);
export const dayOf = (at: number): string => day.format(at);
export const exactTime = (at: number): string => exact.format(at);

export const number = (n: number): string => n.toLocaleString("en-US").replaceAll(",", "\u202f");

export const plural = (n: number, one: string, many = `${one}s`): string => `${number(n)} ${n === 1 ? one : many}`;
