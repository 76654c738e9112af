/** Times as people write them, in the time zone of this machine. */

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** For help texts and errors. */
export const TIME_FORMS = "2h, 3d, 14:05, yesterday, 2026-11-26, or 2026-11-26 14:05";

/**
 * Milliseconds since 1970 of `2h` or `2h ago`, `14:05` (the last time that it was), `today`, `yesterday`, `2026-11-26`,
 * `2026-11-26 14:05`, or a time with its zone, as JSON has it; `undefined` for anything else.
 */
export function timeOf(written: string, now: number): number | undefined {
  const text = written.trim();
  const ago = /^(\d{1,6}) ?(s|m|h|d|w)(?:in|ec|ours?|ays?|eeks?)?(?: ago)?$/i.exec(text);
  if (ago) return now - Number(ago[1]) * (UNITS[(ago[2] ?? "").toLowerCase()] ?? 0);
  if (/^today$/i.test(text)) return dayOf(now, 0);
  if (/^yesterday$/i.test(text)) return dayOf(now, -1);
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (clock)
    return lastTimeAt(
      now,
      clock.slice(1).map((part) => Number(part ?? 0)),
    );
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return undefined;
  return valid(new Date(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text.replace(" ", "T")), text);
}

function dayOf(now: number, days: number): number {
  const day = new Date(now);
  day.setHours(0, 0, 0, 0);
  day.setDate(day.getDate() + days);
  return day.getTime();
}

function lastTimeAt(now: number, [hours = 0, minutes = 0, seconds = 0]: number[]): number | undefined {
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const at = new Date(now);
  at.setHours(hours, minutes, seconds, 0);
  if (at.getTime() > now) at.setDate(at.getDate() - 1);
  return at.getTime();
}

/** `2026-02-30` is no date, although JavaScript makes one of it. */
function valid(date: Date, text: string): number | undefined {
  const time = date.getTime();
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split("-").map(Number);
  const isDay = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day && month >= 1 && month <= 12;
  return Number.isNaN(time) || !isDay ? undefined : time;
}

/** What a number of the surface is, that people write as a time: a time, or the number of a message. */
export type Written = "time" | "seq";

/** The number that is meant; `undefined` if it is none. The number of a message is its `seq`, or stands for a time. */
export function numberWritten(as: Written, written: string, now: number): number | undefined {
  if (/^\s*\d{9,16}\s*$/.test(written)) return Number(written);
  const time = timeOf(written, now);
  return time === undefined || as === "time" ? time : Math.floor(time) * 1000;
}
