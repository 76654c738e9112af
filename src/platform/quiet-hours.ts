/** Quiet hours as they are written: `22:00-07:00`, and a time zone if it is not the machine's. */

interface Parsed {
  /** Minutes of the day. */
  from: number;
  to: number;
  zone: string | undefined;
}

/** A text says what is wrong. */
export function parseQuietHours(text: string): Parsed | string {
  const found = /^\s*([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?:\s+([A-Za-z0-9_+/-]{1,50}))?\s*$/.exec(text);
  if (!found) return "must be two times, as in 22:00-07:00 or 22:00-07:00 Europe/Berlin";
  const [, fromHour, fromMinute, toHour, toMinute, zone] = found;
  const [from, to] = [Number(fromHour) * 60 + Number(fromMinute), Number(toHour) * 60 + Number(toMinute)];
  if (from === to) return "must be two different times";
  if (zone !== undefined && !isZone(zone)) return "names a time zone that this machine does not know";
  return { from, to, zone };
}

/** Those of the settings, which are refused where they are read if they are wrong. */
export function quietHoursIn({ notify_quiet: hours }: { notify_quiet: string | undefined }): Parsed | undefined {
  const parsed = hours === undefined ? undefined : parseQuietHours(hours);
  return typeof parsed === "string" ? undefined : parsed;
}

function isZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
    return true;
  } catch {
    return false;
  }
}
