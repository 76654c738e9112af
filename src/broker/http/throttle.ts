/** Rate limits per network address, and failed authentications per address. In memory only. */
import type { ServerResponse } from "node:http";
import { CctError } from "../../platform/errors.ts";
import {
  addressKey,
  BURST_S,
  type Failures,
  recordFailure,
  type TokenBucket,
  takeToken,
  tarpitDelayMs,
} from "../../rules/throttle.ts";

/** Limits for one address; 0: none. */
export interface Rates {
  requests_per_second: number;
  registrations_per_minute: number;
}

/** Beyond this, the address that was inactive for the longest time is forgotten. */
const MAX_ADDRESSES = 10_000;

export interface Throttle {
  /** Counts a request. Returns 0, or the milliseconds until the address may send one. */
  request(address: string | undefined, now: number): number;
  /** Counts the registration of a new peer, in the same way. */
  registration(address: string | undefined, now: number): number;
  /** Counts wrong credentials. Returns the number of recent failures. */
  failed(address: string | undefined, now: number): number;
  /** How long the next answer to wrong credentials is delayed. Valid requests from the same address are not delayed. */
  failureDelayMs(address: string | undefined, now: number): number;
}

export function createThrottle(rates: Rates): Throttle {
  const requests = new Map<string, TokenBucket>();
  const registrations = new Map<string, TokenBucket>();
  const failures = new Map<string, Failures>();
  const count = (
    buckets: Map<string, TokenBucket>,
    address: string | undefined,
    rate: number,
    size: number,
    now: number,
  ) => {
    if (rate === 0) return 0;
    const key = addressKey(address);
    const { bucket, waitMs } = takeToken(buckets.get(key), rate, size, now);
    remember(buckets, key, bucket);
    return waitMs;
  };

  return {
    request: (address, now) =>
      count(requests, address, rates.requests_per_second, rates.requests_per_second * BURST_S, now),
    registration: (address, now) =>
      count(registrations, address, rates.registrations_per_minute / 60, rates.registrations_per_minute, now),
    failed(address, now) {
      const key = addressKey(address);
      const after = recordFailure(failures.get(key), now);
      remember(failures, key, after);
      return after.count;
    },
    failureDelayMs: (address, now) => tarpitDelayMs(failures.get(addressKey(address)), now),
  };
}

/** Throws `rate_limited` if the address has to wait, and says how long. `what`: `requests`. */
export function refuseExcess(waitMs: number, what: string, response: ServerResponse): void {
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1000);
  response.setHeader("retry-after", seconds);
  throw new CctError("rate_limited", `Too many ${what} from this address.`, `Wait ${seconds} s, then slow down.`);
}

function remember<T>(known: Map<string, T>, key: string, value: T): void {
  // Moved to the end, so that the first entry is the one that was inactive for the longest time.
  known.delete(key);
  known.set(key, value);
  if (known.size <= MAX_ADDRESSES) return;
  const [oldest] = known.keys();
  if (oldest !== undefined) known.delete(oldest);
}
