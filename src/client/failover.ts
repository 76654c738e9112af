/**
 * Failover over a list of brokers that share one database: a client stays with one broker, and moves to the next when
 * that one gives no answer or answers `unavailable`.
 */
import { CctError } from "../platform/errors.ts";
import { moveToEnd, shuffle } from "../rules/failover-order.ts";
import type { Access } from "./access.ts";
import type { Timeouts } from "./exchange.ts";
import { NoAnswerError } from "./no-answer.ts";

/** Milliseconds, for the only broker, or the last one left to try. */
const LAST: Timeouts = { connect: 15_000, answer: 15_000 };
/** While another broker is left to try. A slower broker is not abandoned; it only moves to the end of the list. */
const NOT_LAST: Timeouts = { connect: 2_000, answer: 4_000 };

export interface Failover {
  /** The broker in use; `undefined` without any. */
  inUse(): string | undefined;
  count(): number;
  /** Moves a broker to the end of the list. */
  demote(url: string): void;
  /**
   * Sends a request to the broker in use, then to the others while repeating is safe: always when the request was
   * certainly not received, otherwise only when it is `repeatable`. Throws one error for all brokers that were tried.
   */
  request<T>(repeatable: boolean, attempt: (to: Target, timeouts: Timeouts) => Promise<T>): Promise<T>;
}

/** One broker, and the token that it is to be shown. */
export interface Target {
  url: string;
  token: string;
}

/** `onNoAnswer` is called with the address of each broker that gave no answer. */
export function createFailover(
  access: () => Access,
  random: () => number,
  onNoAnswer: (url: string) => void,
): Failover {
  let order: string[] = [];

  /** Read before each attempt: the broker of this home may restart on another port. */
  function current(): { urls: string[]; token: string } {
    const { urls, token } = access();
    if (urls.length !== order.length || urls.some((url) => !order.includes(url))) order = shuffle(urls, random);
    return { urls: order, token };
  }

  function demote(url: string): void {
    order = moveToEnd(current().urls, url);
  }

  return {
    inUse: () => current().urls[0],
    count: () => current().urls.length,
    demote,
    async request(repeatable, attempt) {
      const failures: CctError[] = [];
      const tried = new Set<string>();
      for (;;) {
        const { urls, token } = current();
        const [url, ...others] = urls.filter((one) => !tried.has(one));
        if (url === undefined) break;
        tried.add(url);
        const isLast = others.length === 0;
        const { connect } = isLast ? LAST : NOT_LAST;
        const { answer } = isLast || !repeatable ? LAST : NOT_LAST;
        try {
          return await attempt({ url, token }, { connect, answer });
        } catch (error) {
          if (!callsForAnother(error)) throw error;
          failures.push(error);
          demote(url);
          if (error instanceof NoAnswerError) onNoAnswer(url);
          if (!repeatable && !(error instanceof NoAnswerError && error.notReceived)) break;
          // Two brokers that answer `unavailable` share the cause, their database: asking the rest is pointless.
          if (failures.filter((one) => !(one instanceof NoAnswerError)).length === 2) break;
        }
      }
      throw summary(failures);
    },
  };
}

/** No answer, or `unavailable`. Any other error would be the same at every broker. */
const callsForAnother = (error: unknown): error is CctError =>
  error instanceof NoAnswerError || (error instanceof CctError && error.code === "unavailable");

/** One error for all brokers that were tried. It says "not received" only when that holds for each of them. */
function summary(failures: readonly CctError[]): CctError {
  const [first, ...others] = failures;
  if (!first) {
    const hint = "Start one with: cct start";
    return new NoAnswerError("unavailable", "No broker runs for this home.", hint, { notReceived: true });
  }
  if (others.length === 0) return first;
  const answered = failures.find((one) => !(one instanceof NoAnswerError));
  if (answered) return answered;
  const notReceived = failures.every((one) => one instanceof NoAnswerError && one.notReceived);
  // A wrong certificate is worse news than a broker that is down.
  const impostor = notReceived ? failures.find((one) => one.code !== "unavailable") : undefined;
  if (impostor) return impostor;
  return new NoAnswerError(
    "unavailable",
    failures.map((one) => one.message).join(" "),
    "Is one of them running, and is this machine in its network? See: cct status",
    { notReceived, timedOut: failures.some((one) => one instanceof NoAnswerError && one.timedOut) },
  );
}
