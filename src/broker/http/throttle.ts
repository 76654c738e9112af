/** Rate limits per payer, and failed authentications per address. In memory only. */
import type { ServerResponse } from "node:http";
import { CctError } from "../../platform/errors.ts";
import {
  addressKey,
  BURST_S,
  chargeBucket,
  type Failures,
  recordFailure,
  type TokenBucket,
  takeToken,
  tarpitDelayMs,
  UNPROVEN_PART,
} from "../../rules/throttle.ts";
import type { Payer } from "./payers.ts";
import { remember } from "./recent.ts";

/** The limits of one token; 0: none. */
export interface Rates {
  requests_per_second: number;
  registrations_per_minute: number;
}

export interface Throttle {
  /** Counts a request. Returns 0, or the milliseconds until its payer may send one. */
  request(payer: Payer, cost: number, now: number): number;
  /** Counts what an answered request has cost besides. */
  charge(payer: Payer, cost: number, now: number): void;
  /** Counts the registration of a new peer, like a request. */
  registration(payer: Payer, now: number): number;
  /** Counts wrong credentials. Returns the number of recent failures. */
  failed(address: string | undefined, now: number): number;
  /** How long the next answer to wrong credentials is delayed. Valid requests from the same address are not delayed. */
  failureDelayMs(address: string | undefined, now: number): number;
}

export function createThrottle(rates: Rates): Throttle {
  const requests = new Map<string, TokenBucket>();
  const registrations = new Map<string, TokenBucket>();
  const failures = new Map<string, Failures>();
  const { requests_per_second: perSecond, registrations_per_minute: perMinute } = rates;
  const rateOf = (payer: Payer): number => (payer.proven ? perSecond : Math.max(1, perSecond * UNPROVEN_PART));

  return {
    request(payer, cost, now) {
      if (perSecond === 0) return 0;
      const rate = rateOf(payer);
      const { bucket, waitMs } = takeToken(requests.get(payer.key), rate, rate * BURST_S, now, cost);
      remember(requests, payer.key, bucket);
      return waitMs;
    },
    charge(payer, cost, now) {
      if (perSecond === 0 || cost === 0) return;
      const rate = rateOf(payer);
      remember(requests, payer.key, chargeBucket(requests.get(payer.key), rate, rate * BURST_S, now, cost));
    },
    registration(payer, now) {
      if (perMinute === 0) return 0;
      const { bucket, waitMs } = takeToken(registrations.get(payer.key), perMinute / 60, perMinute, now);
      remember(registrations, payer.key, bucket);
      return waitMs;
    },
    failed(address, now) {
      const key = addressKey(address);
      const after = recordFailure(failures.get(key), now);
      remember(failures, key, after);
      return after.count;
    },
    failureDelayMs: (address, now) => tarpitDelayMs(failures.get(addressKey(address)), now),
  };
}

/** Throws `rate_limited` if the payer has to wait, and says how long. `what`: `requests`. */
export function refuseExcess(waitMs: number, what: string, payer: Payer, response: ServerResponse): void {
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1000);
  response.setHeader("retry-after", seconds);
  const whose = payer.proven ? "with this token" : "from this address without a valid token";
  throw new CctError("rate_limited", `Too many ${what} ${whose}.`, `Wait ${seconds} s, then slow down.`);
}
