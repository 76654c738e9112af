/**
 * Fair shares of what many callers use together: a mailbox, a session's wakes, a broker's memory. Without shares, the
 * caller that uses most shuts out the others; with fixed ones, most of it would stay unused.
 */

/** How much is used: by all, and by the caller itself. */
export interface Use {
  all: number;
  own: number;
}

/** Up to `open`, anybody may use more. From there up to `most`, only who uses less than `few`. */
export interface Share {
  open: number;
  most: number;
  few: number;
}

export function hasShare({ all, own }: Use, { open, most, few }: Share): boolean {
  return all < open || (all < most && own < few);
}

/**
 * A mailbox (messages, or characters of text): one sender may fill it to `limit`. The same again is for senders of whom less
 * than a fiftieth of that waits, so one that floods shuts nobody out, and fifty that flood still leave a place for each.
 */
export function mailboxShare(limit: number): Share {
  return { open: limit, most: 2 * limit, few: Math.max(1, Math.floor(limit / 50)) };
}

/** A broker's memory: bytes. The last quarter is for callers that use less than a thirty-second of it. */
export function memoryShare(limit: number): Share {
  return { open: (limit * 3) / 4, most: limit, few: limit / 32 };
}

/**
 * The wakes of a session, which cost money, so `limit` is never exceeded: the last quarter is for peers that caused less than
 * a tenth.
 */
export function wakeShare(limit: number): Share {
  return { open: Math.ceil((limit * 3) / 4), most: limit, few: Math.max(1, Math.floor(limit / 10)) };
}
