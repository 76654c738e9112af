/** Runs work in one transaction and publishes its hints and metrics events after the commit. Used by `invoke` and by the sweep. */
import { mayBeForgotten } from "../../rules/delivery.ts";
import type { Changed } from "../../rules/feed.ts";
import type { Limits } from "../../rules/guards.ts";
import type { Notifying } from "../../rules/notifications.ts";
import type { DeliveryRow } from "../../store/messages.ts";
import type { Isolation, Sql, Store } from "../../store/store.ts";
import type { Bounds, OpenBounds } from "./bounds.ts";

/** Tells a peer's stream to check for mail, or ends the streams of a revoked device. Only a hint: the store is the truth. */
export type Hint = { peer_id: string; about: "mail" | "peer" } | { device_id: string; about: "revoked" } | OpenClaim;

/** A claim that found nothing stays open: the broker that holds the stream repeats it when mail comes. */
export interface OpenClaim {
  peer_id: string;
  about: "claim";
  stream: string;
  limit: number;
  budget: number;
}

/** A metrics event: a message was stored, or a delivery was created (`before` is undefined) or changed. */
export type DeliveryEvent =
  | { what: "sent"; seq: number }
  | { what: "delivery"; before: DeliveryRow | undefined; after: DeliveryRow };

/** The peer whose call this is: the mail that the call makes is charged to it. */
interface Cause {
  peer_id: string;
  name: string;
  /** Whether its rate was checked: once in a call, so that a call with several reports is done as a whole or not at all. */
  isAdmitted: boolean;
}

/** What operations and the sweep need from the broker that runs them. */
export interface Environment {
  store: Store;
  /** Milliseconds since 1970. */
  now(): number;
  /** The same, but it does not follow a step of the clock before that is confirmed. For what cannot be undone. */
  confirmed(): number;
  /** Whether every live session had time to be heard since the broker started, slept or had its clock set. */
  isConfirmed(): boolean;
  /** A random id: 32 hexadecimal characters. */
  newId(): string;
  /** A message id: a UUIDv7. */
  newMessageId(): string;
  /** The next sequence number, greater than every earlier one of this broker and greater than `last`. */
  nextSeq(last?: number): number;
  limits: Limits;
  /** How this broker tells a person of needs; absent: not at all. */
  notifying?: Notifying | undefined;
  /** Absent while other brokers may write to the database. */
  bounds?: (() => OpenBounds) | undefined;
  publish(hint: Hint): void;
  count(event: DeliveryEvent): void;
  /** Tells readers of the feed, if there are any. */
  changed(what: Changed): void;
}

/** What work inside a transaction gets. */
export interface TransactionContext
  extends Pick<Environment, "newId" | "newMessageId" | "nextSeq" | "limits" | "notifying"> {
  sql: Sql;
  /** Absent while other brokers may write to the database. */
  bounds: Bounds | undefined;
  /** The store's (`Store`). */
  isInOrder: boolean;
  /** Milliseconds since 1970; constant within one transaction. */
  now: number;
  /** `undefined`: the operator or the clock. */
  cause: Cause | undefined;
  /** Confirmed time: for decisions that cannot be undone. Equals `now` unless the clock was set, or the machine slept. */
  confirmed: number;
  /** False: sessions may be alive although they have not been heard. */
  isConfirmed: boolean;
  /** Publishes a hint after the commit. */
  emit(hint: Hint): void;
  /** Counts an event after the commit, and tells readers of the feed. */
  count(event: DeliveryEvent): void;
  /** Tells readers of the feed after the commit that something else than mail changed. */
  changed(what: Changed): void;
}

/** Whether a power cut may undo it: mail that stays stored took a step forward. */
const isForgettable = (event: DeliveryEvent): boolean =>
  event.what === "delivery" && event.before !== undefined && mayBeForgotten(event.after.state);

/**
 * Runs `work` in a transaction. `work` awaits nothing but `sql`: after a serialization failure it runs again. Unless it is
 * `durable`, a power cut may undo it, but only if no mail was made, ended or queued.
 */
export async function transact<T>(
  environment: Environment,
  work: (context: TransactionContext) => Promise<T>,
  isolation?: Isolation,
  durable = true,
): Promise<T> {
  const { newId, newMessageId, nextSeq, limits, notifying } = environment;
  let bounds: OpenBounds | undefined;
  const run = async (sql: Sql) => {
    bounds?.drop();
    bounds = environment.bounds?.();
    // New lists for each attempt: a failed one must publish nothing.
    const hints: Hint[] = [];
    const events: DeliveryEvent[] = [];
    const changes: Changed[] = [];
    const result = await work({
      sql,
      now: environment.now(),
      cause: undefined,
      confirmed: environment.confirmed(),
      isConfirmed: environment.isConfirmed(),
      newId,
      newMessageId,
      nextSeq,
      limits,
      notifying,
      bounds,
      isInOrder: environment.store.isInOrder,
      emit: (hint) => void hints.push(hint),
      count: (event) => void events.push(event),
      changed: (what) => void changes.push(what),
    });
    return { result, hints, events, changes };
  };
  const mayBeLost = (done: { events: readonly DeliveryEvent[] }): boolean =>
    !durable && done.events.every(isForgettable);
  const running = environment.store.tx(run, isolation, mayBeLost);
  const { result, hints, events, changes } = await running.catch((error: unknown) => {
    bounds?.drop();
    throw error;
  });
  bounds?.settle();
  for (const hint of hints) environment.publish(hint);
  for (const event of events) environment.count(event);
  for (const what of changes) environment.changed(what);
  return result;
}
