/** What the broker remembers of network addresses: their pace, and how often they failed to say who they are. In memory only. */
import { addressKey, BURST_S, type Bucket, type Failures, fail, failureWaitMs, spend } from "../../rules/throttle.ts";

/** How fast one address may be; 0: as fast as it can. */
export interface Pace {
  requests_per_second: number;
  registrations_per_minute: number;
}

/** More addresses than this are not remembered: the one that was quiet for longest is forgotten. */
const MAX_ADDRESSES = 10_000;

export interface Throttle {
  /** Counts a request. Milliseconds until it may be asked again; 0 when it may be answered. */
  request(address: string | undefined, now: number): number;
  /** Counts a registration of a newcomer, in the same way. */
  registration(address: string | undefined, now: number): number;
  /** Counts wrong credentials; answers how many there were of late. */
  failed(address: string | undefined, now: number): number;
  /** How long the answer to wrong credentials is to be held back. Others at the same address are not made to wait. */
  waitMs(address: string | undefined, now: number): number;
}

export function throttle(pace: Pace): Throttle {
  const requests = new Map<string, Bucket>();
  const registrations = new Map<string, Bucket>();
  const failures = new Map<string, Failures>();
  const count = (
    buckets: Map<string, Bucket>,
    address: string | undefined,
    rate: number,
    size: number,
    now: number,
  ) => {
    if (rate === 0) return 0;
    const key = addressKey(address);
    const { bucket, waitMs } = spend(buckets.get(key), rate, size, now);
    remember(buckets, key, bucket);
    return waitMs;
  };

  return {
    request: (address, now) =>
      count(requests, address, pace.requests_per_second, pace.requests_per_second * BURST_S, now),
    registration: (address, now) =>
      count(registrations, address, pace.registrations_per_minute / 60, pace.registrations_per_minute, now),
    failed(address, now) {
      const key = addressKey(address);
      const after = fail(failures.get(key), now);
      remember(failures, key, after);
      return after.count;
    },
    waitMs: (address, now) => failureWaitMs(failures.get(addressKey(address)), now),
  };
}

function remember<T>(known: Map<string, T>, key: string, value: T): void {
  // Anew at the end: the first one is then the one that was quiet for longest.
  known.delete(key);
  known.set(key, value);
  if (known.size <= MAX_ADDRESSES) return;
  const [oldest] = known.keys();
  if (oldest !== undefined) known.delete(oldest);
}
