/** Rate limiting (token buckets), what requests cost, and a tarpit that delays responses to wrong credentials. */

/** A token bucket: the tokens left at the time `at` (milliseconds). */
export interface TokenBucket {
  left: number;
  at: number;
}

/** The capacity of a bucket in seconds of its rate, so that short bursts pass. */
export const BURST_S = 5;

/**
 * Takes `cost` tokens from a bucket that refills by `perSecond` tokens up to `size`; `undefined` is a full bucket. One token
 * has to be left: what costs more is paid afterwards. Returns the new bucket and `waitMs`: 0 if they were taken, otherwise the
 * milliseconds until one is left.
 */
export function takeToken(
  bucket: TokenBucket | undefined,
  perSecond: number,
  size: number,
  now: number,
  cost = 1,
): { bucket: TokenBucket; waitMs: number } {
  const left = leftIn(bucket, perSecond, size, now);
  if (left >= 1) return { bucket: spend(left, cost, size, now), waitMs: 0 };
  return { bucket: { left, at: now }, waitMs: Math.ceil(((1 - left) * 1000) / perSecond) };
}

/** Takes `cost` tokens in any case: a request's cost that is known only after it was answered. */
export function chargeBucket(
  bucket: TokenBucket | undefined,
  perSecond: number,
  size: number,
  now: number,
  cost: number,
): TokenBucket {
  return spend(leftIn(bucket, perSecond, size, now), cost, size, now);
}

function leftIn(bucket: TokenBucket | undefined, perSecond: number, size: number, now: number): number {
  if (!bucket) return size;
  // Ignore a clock that was set back.
  const passed = Math.max(0, now - bucket.at);
  return Math.min(size, bucket.left + (passed * perSecond) / 1000);
}

/** A debt is bounded: nobody waits longer for it than a full bucket takes to fill. */
const spend = (left: number, cost: number, size: number, now: number): TokenBucket => ({
  left: Math.max(left - cost, -size),
  at: now,
});

/**
 * The rate of requests from an address that show no valid token, as a part of the rate of one token. Health checks and the
 * first request on a connection need a few of them; a flood of them leaves the buckets of tokens alone.
 */
export const UNPROVEN_PART = 1 / 10;

/**
 * The cost of an operation that looks through a whole table, however little it finds. With a thousand peers `list_peers`
 * takes the broker about as much time as twenty heartbeats.
 */
export const LISTING_COST = 20;
/** So many bytes of an answer cost as much as a cheap call. */
const BYTES_PER_COST = 8 * 1024;

/** The cost of an answer, in addition to that of its request. */
export const answerCost = (bytes: number): number => Math.floor(bytes / BYTES_PER_COST);

/** Failed logins of one address; the count decays by one every `DECAY_MS`. */
export interface Failures {
  count: number;
  at: number;
}

/** Failures without a delay, for a session with an old secret or a mistyped one. */
const FREE_FAILURES = 10;
const DECAY_MS = 6_000;
const FIRST_DELAY_MS = 50;
export const MAX_TARPIT_DELAY_MS = 2_000;

/** Counts a failure. */
export function recordFailure(before: Failures | undefined, now: number): Failures {
  return { count: remembered(before, now) + 1, at: now };
}

function remembered(failures: Failures | undefined, now: number): number {
  if (!failures) return 0;
  return Math.max(0, failures.count - Math.floor(Math.max(0, now - failures.at) / DECAY_MS));
}

/** The delay for the response to wrong credentials. It doubles with each failure up to `MAX_TARPIT_DELAY_MS`. */
export function tarpitDelayMs(failures: Failures | undefined, now: number): number {
  const over = remembered(failures, now) - FREE_FAILURES;
  return over <= 0 ? 0 : Math.min(MAX_TARPIT_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(over - 1, 20));
}

/** The key that requests of an address are counted under: IPv4 in any notation, or the /64 network of an IPv6 address. */
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
  // ::1 and similar addresses are not in a /64 of their own.
  return network.every((group) => group === "0") ? address : `${network.join(":")}::/64`;
}
