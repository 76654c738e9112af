/** Sends what lies in this peer's outbox when the broker is back, and tells the session of what could not be sent. */
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
import { BROKER_NAME } from "../rules/names.ts";
import { quoted } from "../rules/text.ts";

/** Not the message's fault: the broker has no room or no health, or does not know us yet. */
const LATER: readonly ErrorCode[] = ["unauthorized", "internal", "store_failed", "store_full"];
/** So long a broker that said "later" is left alone. */
const REST_MS = 10_000;

type Report = OutputOf<"claim_messages">["messages"][number];

export interface Outbox {
  /** Whether the user asked for messages to be kept, and there is a peer to keep them for. */
  keeps(): boolean;
  /** Keeps a message, and answers in place of the broker. Throws what is in the way. */
  keep(input: Record<string, unknown>, perhaps: boolean): OutputOf<"send_message">;
  /** Sends what lies there, oldest first. Answers what is in the way when no broker can be reached. */
  flush(): Promise<CctError | undefined>;
  /** What the session has to be told, as mail of CCT itself; comes again until it was removed. Attempt 0: no claim at the broker. */
  reports(): Report[];
  /** Removes reports that the model has read. */
  removeReports(messageIds: readonly string[]): void;
}

/** `peer` throws while this session is none. */
export function createOutbox(world: World, config: Config, client: Client, peer: () => Credentials): Outbox {
  const { home } = config;
  let working: Promise<CctError | undefined> | undefined;
  let restUntil = 0;

  function me(): Credentials | undefined {
    try {
      return peer();
    } catch {
      return undefined;
    }
  }

  function end(kept: OutboxEntry, ended: string): OutboxEntry {
    const over = { ...kept, ended };
    updateEntry(home, over, world.newId);
    return over;
  }

  /** What is too old is over, also while the broker is away: its sender is not to wait for the word. */
  function kept(mine: Credentials): OutboxEntry[] {
    return readOutbox(home, mine.peer_id).map((one) => {
      if (one.ended !== undefined || expiryOf(one) > world.now()) return one;
      const sent = one.perhaps ? "It was NOT confirmed in time, perhaps it was sent" : "It was NOT sent in time";
      return end(one, `${sent} (${one.waits ?? "no broker was there"}), and is not tried any more.`);
    });
  }

  function lying(): OutboxEntry[] {
    const mine = me();
    if (!mine) return [];
    try {
      return kept(mine);
    } catch {
      // A home that cannot be used just now is no reason to end; `cct outbox` says what is wrong with it.
      return [];
    }
  }

  async function round(): Promise<CctError | undefined> {
    const mine = me();
    if (!mine || world.now() < restUntil) return undefined;
    /** Addresses whose earlier message has to wait: the later ones wait behind it. */
    const blocked = new Set<unknown>();
    for (const one of kept(mine)) {
      const { to } = one.input;
      if (one.ended !== undefined || blocked.has(to) || !isInOutbox(home, one)) continue;
      const { expires_in_seconds: own, ...input } = one.input;
      const expiry = own === undefined ? {} : { expires_in_seconds: Math.ceil((expiryOf(one) - world.now()) / 1000) };
      try {
        const { recipients } = await client.callAny("send_message", { ...input, ...expiry }, mine);
        const missed = refusedIn(recipients);
        if (missed === "") removeEntry(home, one);
        else end(one, `It was sent, but not taken for all: ${missed}.`);
      } catch (error) {
        const why = error instanceof CctError ? error : new CctError("unavailable", errorLine(error));
        if (why.code === "unavailable") {
          if (!one.perhaps && !wasNotReceived(why)) updateEntry(home, { ...one, perhaps: true }, world.newId);
          return why;
        }
        if (LATER.includes(why.code)) {
          restUntil = world.now() + REST_MS;
          return undefined;
        }
        if (why.code === "rate_limited") {
          // Too many, or a full mailbox: it has time until it is too old.
          restUntil = world.now() + REST_MS;
          blocked.add(to);
          if (one.waits !== why.message) updateEntry(home, { ...one, waits: why.message }, world.newId);
        } else end(one, `It was refused, and NOT sent: ${why.line}`);
      }
    }
    return undefined;
  }

  return {
    keeps: () => config.outbox && me() !== undefined,
    keep: (input, perhaps) => addToOutbox(home, peer().peer_id, input, perhaps, world),
    flush() {
      working ??= round().finally(() => {
        working = undefined;
      });
      return working;
    },
    reports: () => lying().flatMap((kept) => (kept.ended === undefined ? [] : [reportOf(kept, kept.ended)])),
    removeReports(messageIds) {
      for (const kept of lying()) {
        if (kept.ended !== undefined && messageIds.includes(kept.message_id)) removeEntry(home, kept);
      }
    },
  };
}

function refusedIn(recipients: OutputOf<"send_message">["recipients"]): string {
  return recipients
    .filter((one) => one.state === "refused")
    .map((one) => `${one.name}${one.note ? ` (${one.note})` : ""}`)
    .join(", ");
}

function reportOf(kept: OutboxEntry, ended: string): Report {
  const since = new Date(kept.kept_at).toISOString().replace(/\.\d+Z$/, "Z");
  return {
    message_id: kept.message_id,
    from: BROKER_NAME,
    from_name: BROKER_NAME,
    to: "",
    text:
      `About your message ${kept.message_id} to ${quoted(String(kept.input.to ?? "?"))}, which lay in this machine's outbox since ${since} ` +
      `and begins ${quoted(excerpt(kept))}: ${ended}`,
    urgency: "normal",
    sent_at: kept.kept_at,
    redelivered: false,
    attempt: 0,
  };
}
