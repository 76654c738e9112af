/** Sends the messages in this peer's outbox when the broker is back, and reports to the session which ones failed. */
import { type Client, wasNotReceived } from "../client/client.ts";
import {
  addToOutbox,
  excerpt,
  expiryOf,
  isInOutbox,
  type OutboxEntry,
  readOutbox,
  removeEntry,
  updateEntry,
} from "../client/outbox.ts";
import type { Credentials } from "../operations/core/identity.ts";
import type { OutputOf } from "../operations/index.ts";
import type { Config } from "../platform/config.ts";
import { CctError, type ErrorCode, errorLine } from "../platform/errors.ts";
import type { World } from "../platform/world.ts";
import { shortMessageId } from "../rules/address.ts";
import { CALM_MS } from "../rules/clock.ts";
import { BROKER_NAME } from "../rules/names.ts";
import { endedInOutbox } from "../rules/texts/notices.ts";

/** Errors of the broker, not of the message: try again later. */
const RETRYABLE: readonly ErrorCode[] = ["unauthorized", "internal", "store_failed", "store_full"];
/** How long to wait after such an error. */
const RETRY_AFTER_MS = 10_000;

type Report = OutputOf<"claim_messages">["messages"][number];

export interface Outbox {
  /** Whether the user turned the outbox on, and the session is a peer. */
  keeps(): boolean;
  /** Adds a message, and answers in place of the broker. `perhaps`: the broker may have received it. Throws `CctError`. */
  keep(input: Record<string, unknown>, perhaps: boolean): OutputOf<"send_message">;
  /** Sends all messages, oldest first. Returns the error when no broker can be reached. */
  flush(): Promise<CctError | undefined>;
  /** Messages that failed, as mail from CCT itself, until they are removed. Attempt 0: the broker has no claim on them. */
  reports(): Report[];
  /** Removes reports that the model has read. */
  removeReports(messageIds: readonly string[]): void;
}

/** `peer` throws while the session is not a peer. */
export function createOutbox(world: World, config: Config, client: Client, peer: () => Credentials): Outbox {
  const { home } = config;
  let flushing: Promise<CctError | undefined> | undefined;
  let retryAt = 0;
  /** What the disk does not say yet, because it could not be written: why messages ended, by id; `""` for those sent. */
  const unwritten = new Map<string, string>();
  const perhapsSent = new Set<string>();
  /** Since when (monotonic) the clock has said without a break that an entry is too old. One wrong reading ends none. */
  const overdueSince = new Map<string, number>();

  function currentPeer(): Credentials | undefined {
    try {
      return peer();
    } catch {
      return undefined;
    }
  }

  /** Gives up a message; its session gets a report. */
  function fail(entry: OutboxEntry, ended: string): OutboxEntry {
    const failed = { ...entry, ended };
    settle(entry, ended);
    return failed;
  }

  /** Removes an entry that was sent, or writes why it ended. A disk that refuses that must not make it be sent again. */
  function settle(entry: OutboxEntry, ended: string): void {
    try {
      if (ended === "") removeEntry(home, entry);
      else updateEntry(home, { ...entry, ended }, world.newId);
      for (const about of [unwritten, perhapsSent, overdueSince]) about.delete(entry.message_id);
    } catch {
      unwritten.set(entry.message_id, ended);
    }
  }

  const isOverdue = (entry: OutboxEntry): boolean => expiryOf(entry) <= world.now();

  /**
   * All entries. Those that have been too old for minutes fail here, so that a session hears of it even while the broker is
   * away.
   */
  function entriesOf(sender: Credentials): OutboxEntry[] {
    const all = readOutbox(home, sender.peer_id).flatMap((entry) => {
      const ended = unwritten.get(entry.message_id);
      if (ended === undefined) return [entry];
      settle(entry, ended);
      return ended === "" ? [] : [{ ...entry, ended }];
    });
    return all.map((saved) => {
      const entry = perhapsSent.has(saved.message_id) ? { ...saved, perhaps: true } : saved;
      if (entry.ended !== undefined || !isOverdue(entry)) {
        overdueSince.delete(entry.message_id);
        return entry;
      }
      const since = overdueSince.get(entry.message_id) ?? world.steady();
      overdueSince.set(entry.message_id, since);
      if (world.steady() - since < CALM_MS) return entry;
      overdueSince.delete(entry.message_id);
      const sent = entry.perhaps ? "It was NOT confirmed in time, perhaps it was sent" : "It was NOT sent in time";
      return fail(entry, `${sent} (${entry.waits ?? "no broker answered"}). CCT does not try again.`);
    });
  }

  /** Writes what is only told to people. */
  function amend(entry: OutboxEntry): void {
    try {
      updateEntry(home, entry, world.newId);
    } catch {
      // The message stays as it was, and is still sent later.
    }
  }

  function failedEntries(): OutboxEntry[] {
    const sender = currentPeer();
    if (!sender) return [];
    try {
      return entriesOf(sender).filter(({ ended }) => ended !== undefined);
    } catch {
      // The home cannot be read now. The session goes on; `cct outbox` shows the error.
      return [];
    }
  }

  async function sendAll(): Promise<CctError | undefined> {
    const sender = currentPeer();
    if (!sender || world.steady() < retryAt) return undefined;
    /** Addresses with a message that has to wait: later ones wait behind it, to keep the order. */
    const blocked = new Set<unknown>();
    for (const entry of entriesOf(sender)) {
      const { to } = entry.input;
      if (entry.ended !== undefined || isOverdue(entry) || blocked.has(to) || !isInOutbox(home, entry)) continue;
      try {
        const { recipients } = await client.callAny("send_message", withTimeLeft(entry, world.now()), sender);
        const refused = refusedIn(recipients);
        if (refused === "") settle(entry, "");
        else fail(entry, `It was sent, but not accepted for all: ${refused}.`);
      } catch (error) {
        const problem = error instanceof CctError ? error : new CctError("unavailable", errorLine(error));
        if (problem.code === "unavailable") {
          if (!entry.perhaps && !wasNotReceived(problem)) {
            perhapsSent.add(entry.message_id);
            amend({ ...entry, perhaps: true });
          }
          return problem;
        }
        const isRetryable = RETRYABLE.includes(problem.code);
        if (isRetryable || problem.code === "rate_limited") retryAt = world.steady() + RETRY_AFTER_MS;
        if (isRetryable) return undefined;
        if (problem.code === "rate_limited") {
          // Too many messages, or a full mailbox: other addresses may still work.
          blocked.add(to);
          if (entry.waits !== problem.message) amend({ ...entry, waits: problem.message });
        } else fail(entry, `It was refused, and NOT sent: ${problem.line}`);
      }
    }
    return undefined;
  }

  return {
    keeps: () => config.outbox && currentPeer() !== undefined,
    keep: (input, perhaps) => addToOutbox(home, peer().peer_id, input, perhaps, world),
    flush() {
      flushing ??= sendAll().finally(() => {
        flushing = undefined;
      });
      return flushing;
    },
    reports: () => failedEntries().map(reportOf),
    removeReports(messageIds) {
      for (const entry of failedEntries()) if (messageIds.includes(entry.message_id)) removeEntry(home, entry);
    },
  };
}

/** The input to send: the sender's deadline counts from the moment when the message was added. */
function withTimeLeft(entry: OutboxEntry, now: number): Record<string, unknown> {
  const { expires_in_seconds, ...input } = entry.input;
  if (expires_in_seconds === undefined) return input;
  return { ...input, expires_in_seconds: Math.ceil((expiryOf(entry) - now) / 1000) };
}

function refusedIn(recipients: OutputOf<"send_message">["recipients"]): string {
  return recipients
    .filter((one) => one.state === "refused")
    .map((one) => `${one.name}${one.note ? ` (${one.note})` : ""}`)
    .join(", ");
}

function reportOf(entry: OutboxEntry): Report {
  const since = new Date(entry.kept_at).toISOString().replace(/\.\d+Z$/, "Z");
  return {
    message_id: entry.message_id,
    from: BROKER_NAME,
    from_name: BROKER_NAME,
    to: "",
    text: endedInOutbox(
      shortMessageId(entry.message_id),
      String(entry.input.to ?? "?"),
      since,
      excerpt(entry),
      String(entry.ended),
    ),
    urgency: "normal",
    sent_at: entry.kept_at,
    redelivered: false,
    attempt: 0,
  };
}
