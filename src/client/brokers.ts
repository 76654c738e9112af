/**
 * A list of brokers that share one database: a client uses one, and goes to the next when nobody answers there or the
 * answer is "not now".
 */
import { CctError } from "../platform/errors.ts";
import { behind, shuffled } from "../rules/rotation.ts";
import type { Patience } from "./exchange.ts";
import { Unanswered } from "./unanswered.ts";

/** For the only broker, or the last that is left. */
const LAST: Patience = { connect: 15_000, answer: 15_000 };
/** While there is another to go to. A broker that answers slower than this is not given up, but asked again last. */
const SOONER = { connect: 2_000, answer: 4_000 };

export interface Brokers {
  /** The one in use; `undefined`: there is none. */
  inUse(): string | undefined;
  count(): number;
  /** From now on others come before it. */
  failed(url: string): void;
  /**
   * Asks the one in use, and while that is safe the others: always when a request has certainly reached nobody, else
   * only when it is `repeatable`. Throws what was in the way at all that were asked.
   */
  ask<T>(repeatable: boolean, attempt: (url: string, patience: Patience) => Promise<T>): Promise<T>;
}

/** `lost`: nobody answered at that address. */
export function createBrokers(
  urls: () => readonly string[],
  random: () => number,
  lost: (url: string) => void,
): Brokers {
  let order: string[] = [];

  /** Asked anew each time: the broker of this home may come back on another port. */
  function current(): string[] {
    const all = urls();
    if (all.length !== order.length || all.some((url) => !order.includes(url))) order = shuffled(all, random);
    return order;
  }

  function failed(url: string): void {
    order = behind(current(), url);
  }

  return {
    inUse: () => current()[0],
    count: () => current().length,
    failed,
    async ask(repeatable, attempt) {
      const failures: CctError[] = [];
      const tried = new Set<string>();
      const next = (): string | undefined => current().find((url) => !tried.has(url));
      for (let url = next(); url !== undefined; url = next()) {
        tried.add(url);
        const hurry = next() !== undefined;
        const answer = hurry && repeatable ? SOONER.answer : LAST.answer;
        try {
          return await attempt(url, { connect: hurry ? SOONER.connect : LAST.connect, answer });
        } catch (error) {
          if (!isReasonToMove(error)) throw error;
          failures.push(error);
          failed(url);
          if (error instanceof Unanswered) lost(url);
          if (!repeatable && !(error instanceof Unanswered && error.unheard)) break;
          // Two that say "not now" have the same reason, their database: all are not asked for it.
          if (failures.filter((one) => !(one instanceof Unanswered)).length === 2) break;
        }
      }
      throw summary(failures);
    },
  };
}

/** Nobody answered, or the broker said "not now"; any other no would be the same at each of them. */
const isReasonToMove = (error: unknown): error is CctError =>
  error instanceof Unanswered || (error instanceof CctError && error.code === "unavailable");

/** One error for all that were asked: it must not say "unheard" when one may have heard. */
function summary(failures: readonly CctError[]): CctError {
  const [first, ...others] = failures;
  if (!first) {
    const hint = "Start one with: cct start";
    return new Unanswered("unavailable", "No broker runs for this home.", hint, { unheard: true });
  }
  if (others.length === 0) return first;
  const answered = failures.find((one) => !(one instanceof Unanswered));
  if (answered) return answered;
  const unheard = failures.every((one) => one instanceof Unanswered && one.unheard);
  // Somebody else in a broker's place is worse news than one that is away.
  const stranger = unheard ? failures.find((one) => one.code !== "unavailable") : undefined;
  if (stranger) return stranger;
  return new Unanswered(
    "unavailable",
    failures.map((one) => one.message).join(" "),
    "Is one of them running, and is this machine in its network? See: cct status",
    { unheard, silent: failures.some((one) => one instanceof Unanswered && one.silent) },
  );
}
