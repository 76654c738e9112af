/** How much one network address may ask for, and how long one that shows wrong credentials waits for its answer. */

/** What is left to spend, and when that was reckoned. */
export interface TokenBucket {
  left: number;
  at: number;
}

/** A bucket holds so many seconds' worth: what arrives in a burst is served, what keeps coming is not. */
export const BURST_S = 5;

/**
 * Takes one from a bucket that fills by `perSecond`, up to `size`. Answers with the bucket after it, and with the
 * milliseconds until there is one again: 0 when there was. `undefined`: a bucket never used, which is full.
 */
export function takeToken(
  bucket: TokenBucket | undefined,
  perSecond: number,
  size: number,
  now: number,
): { bucket: TokenBucket; waitMs: number } {
  // A clock that was set back fills nothing, and takes nothing away.
  const passed = bucket ? Math.max(0, now - bucket.at) : 0;
  const left = bucket ? Math.min(size, bucket.left + (passed * perSecond) / 1000) : size;
  if (left >= 1) return { bucket: { left: left - 1, at: now }, waitMs: 0 };
  return { bucket: { left, at: now }, waitMs: Math.ceil(((1 - left) * 1000) / perSecond) };
}

/** Wrong credentials of one address: how many, forgotten by one in a while. */
export interface Failures {
  count: number;
  at: number;
}

/** A session with an old secret, or a person who mistypes, is not slowed. */
const FREE_FAILURES = 10;
const FORGET_ONE_MS = 6_000;
const FIRST_WAIT_MS = 50;
export const MAX_TARPIT_DELAY_MS = 2_000;

/** One more failure. */
export function recordFailure(before: Failures | undefined, now: number): Failures {
  return { count: remembered(before, now) + 1, at: now };
}

function remembered(failures: Failures | undefined, now: number): number {
  if (!failures) return 0;
  return Math.max(0, failures.count - Math.floor(Math.max(0, now - failures.at) / FORGET_ONE_MS));
}

/** How long the answer to a failing request is held back: doubled with each failure, and never for long. */
export function tarpitDelayMs(failures: Failures | undefined, now: number): number {
  const over = remembered(failures, now) - FREE_FAILURES;
  return over <= 0 ? 0 : Math.min(MAX_TARPIT_DELAY_MS, FIRST_WAIT_MS * 2 ** Math.min(over - 1, 20));
}

/** What counts as one address: an IPv4 in whatever notation, and of IPv6 the network, for a machine has all of its addresses. */
export function addressKey(remote: string | undefined): string {
  const address = (remote ?? "").toLowerCase().replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [before = "", after] = address.split("::");
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  const gap = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array<string>(gap).fill("0"), ...tail];
  const network = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""));
  // Loopback and its like have no network of their own.
  return network.every((group) => group === "0") ? address : `${network.join(":")}::/64`;
}
