/**
 * Moves mail between the broker and the spool: claims what waits, writes it where the hooks find it, and tells the
 * broker what became of it. One thing at a time; whatever is interrupted is found again in the files or lapses at the broker.
 */

import type { OutputOf } from "../operations/index.ts";
import { CctError } from "../platform/errors.ts";
import type { Claim, DeliveryMethod, Outcome, Urgency } from "../rules/delivery.ts";
import {
  FRAME_BUDGET,
  frame,
  framedLength,
  MAX_NOTICES,
  type OversizedMessage,
  takeFitting,
} from "../rules/framing.ts";
import {
  claimsIn,
  deliveryMethodOf,
  highestUrgency,
  type Mode,
  type SpoolHead,
  writeSpool,
} from "../rules/spoolfile.ts";
import type { Spool, SpoolFile } from "./spool.ts";

type ClaimedMail = OutputOf<"claim_messages">["messages"][number];
type CheckedMail = OutputOf<"check_messages">;

/** The broker, as this session's peer. Every call may throw `CctError`. */
export interface Mailbox {
  claim(budget: number): Promise<OutputOf<"claim_messages">>;
  check(limit: number | undefined): Promise<CheckedMail>;
  /** `batch` names what was shown together, by the way `via`. */
  acknowledge(acks: (Claim & { outcome: Outcome })[], shown?: { via: DeliveryMethod; batch: string }): Promise<void>;
  /** What this machine itself has to say, as mail with attempt 0: no claim, of which the broker knows nothing. */
  reports(): ClaimedMail[];
  /** The model went on with these reports in view. */
  reported(messageIds: string[]): void;
}

/** A hook that took mail and was not done with it after this long has died. */
const TAKEN_MS = 10_000;
/** Mail that no hook of an active session took for this long is given to whichever hook runs next. */
const LATE_MS = 5_000;
const LONGEST_LATE_MS = 60_000;
/** Mail that was not to wake the session is asked about again after this long. */
const CALM_MS = 60_000;

/** Reports that one answer to a check carries. */
const MAX_REPORTS = 20;

const isClaim = ({ attempt }: Claim): boolean => attempt > 0;

export interface Mail {
  /** There may be mail at the broker: `run` is to look. */
  hint(): void;
  /** Settles what the hooks did, then claims and spools what waits. Throws when the broker cannot be reached. */
  run(): Promise<void>;
  /** What is done at start-up, when the peer is known: mail that an earlier server left in the spool goes back. */
  recover(): Promise<void>;
  /** Takes what waits for a tool's answer. `shown` is to be called when the host has the answer. */
  check(limit: number | undefined): Promise<{ mail: CheckedMail; shown: () => void }>;
  /** Claims that are still ours: their leases are to be renewed. */
  held(): Claim[];
  /** How many messages no hook and no tool has handed out yet: in the mail file, and at the broker when it was asked last. */
  unread(): number;
  /** The host called another tool: text that it got before has been answered, where no hook can tell us. */
  toolCalled(): void;
  /** What the clock asks for: mail that nobody takes is offered again. */
  tick(now: number): void;
  /** The session is this peer no more: empties the spool, and says through `acknowledge` what became of each claim. */
  leave(acknowledge: Mailbox["acknowledge"]): Promise<void>;
  /** Goes on with what lies in the spool; for a peer that its broker had forgotten, so that nobody else has its mail. */
  goOn(): Promise<void>;
  /** Forgets everything; for a session that is a new peer. */
  forget(): Promise<void>;
}

export function createMail(spool: Spool, mailbox: Mailbox, now: () => number, mode: Mode): Mail {
  /** What stands in the mail file now, if no hook took it yet. */
  let spooled: { messages: ClaimedMail[]; notices: OversizedMessage[]; more: number } = {
    messages: [],
    notices: [],
    more: 0,
  };
  let spooledAt = 0;
  /** Whether the broker may have mail that we have not asked for. */
  let expecting = true;
  /** Messages that the last claim left at the broker, for want of room in the file. */
  let behind = 0;
  /** The same with those that are too long for any file. */
  let atBroker = 0;
  let lateAfter = LATE_MS;
  /** Whether the broker lets mail wake the session. */
  let mayWake = true;
  /** Whether the mail file says that it must not wake, and when the broker last said so. */
  let calm = false;
  /** The peer is busy, as the broker said last. */
  let quiet = false;
  let askedAt = 0;
  /** Too long for a frame, and named once. */
  const named = new Set<string>();
  /** Taken files whose delivery the broker knows. */
  const acknowledged = new Set<string>();
  /** Between two peers nothing is claimed. */
  let between = false;
  let queue: Promise<unknown> = Promise.resolve();

  /** One at a time: a claim must not overtake the settling of another. */
  function alone<T>(work: () => Promise<T>): Promise<T> {
    const result = queue.then(work);
    queue = result.catch(() => {});
    return result;
  }

  const claimsOf = (file: { content: string }): Claim[] => claimsIn(file.content);

  interface Telling {
    shown?: { via: DeliveryMethod; batch: string };
    acknowledge?: Mailbox["acknowledge"];
  }

  async function tell(claims: Claim[], outcome: Outcome, telling: Telling = {}): Promise<void> {
    const known = claims.filter(isClaim);
    if (known.length === 0) return;
    const { acknowledge = mailbox.acknowledge, shown } = telling;
    await acknowledge(
      known.map(({ message_id, attempt }) => ({ message_id, attempt, outcome })),
      shown,
    );
    if (outcome === "returned" || outcome === "lost") expecting = true;
  }

  async function settle(): Promise<void> {
    for (const file of spool.files()) await settleFile(file);
    if (spool.peek() === undefined) spooled = { messages: [], notices: [], more: 0 };
  }

  async function settleFile(file: SpoolFile): Promise<void> {
    const { batch } = file;
    const shown = { via: deliveryMethodOf(batch), batch };
    if (file.stage === "taken") {
      // The hook may have printed before it died: `lost`, so that the next showing is marked.
      // First the file: a broker that is away now hears of it by the lease that lapses.
      if (now() - file.since < TAKEN_MS || !spool.withdraw(file)) return;
      await tell(claimsOf(file), "lost");
    } else if (file.stage === "read") {
      await tell(claimsOf(file), "read", { shown });
      const reports = claimsOf(file).filter((one) => !isClaim(one));
      if (reports.length > 0) mailbox.reported(reports.map((one) => one.message_id));
      acknowledged.delete(batch);
      spool.remove(file);
    } else if (!acknowledged.has(batch)) {
      await tell(claimsOf(file), "delivered", { shown });
      acknowledged.add(batch);
    }
  }

  /** Writes the mail file anew, with what is in it and what is added. */
  function write(late: boolean): void {
    const { messages, notices, more } = spooled;
    const urgency: Urgency = highestUrgency([...messages, ...notices].map((one) => one.urgency));
    const head: SpoolHead = {
      urgency,
      mode,
      late,
      nowake: isCalm(),
      claims: messages.map(({ message_id, attempt }) => ({ message_id, attempt })),
    };
    spool.put(writeSpool(head, frame(messages, more, notices)));
    spooledAt = now();
    calm = head.nowake;
  }

  const isCalm = (): boolean => !mayWake && !spooled.messages.some((message) => message.urgency === "interrupt");

  async function fill(): Promise<void> {
    const used = spooled.messages.reduce((sum, message) => sum + framedLength(message), 0);
    let found = await mailbox.claim(Math.max(0, FRAME_BUDGET - used));
    const isOrdinary = (one: { urgency: Urgency }): boolean => one.urgency !== "interrupt";
    if (found.quiet && [...spooled.messages, ...spooled.notices].some(isOrdinary) && takeBack()) {
      // The peer is busy since then: what waits here goes back, and only what interrupts comes again.
      await tell(spooled.messages, "returned");
      // Nobody has seen them: they are to be named again.
      for (const notice of spooled.notices) named.delete(notice.message_id);
      spooled = { messages: [], notices: [], more: 0 };
      found = await mailbox.claim(FRAME_BUDGET);
    }
    const ordinary = spooled.messages.every(isOrdinary);
    if (found.interrupts > 0 && found.messages.length === 0 && ordinary && takeBack()) {
      // Something urgent waits behind a full file: the file gives way.
      await tell(spooled.messages, "returned");
      spooled = { messages: [], notices: spooled.notices, more: 0 };
      found = await mailbox.claim(FRAME_BUDGET);
    }
    mayWake = found.may_wake;
    quiet = found.quiet;
    askedAt = now();
    const notices = found.too_long
      .filter((one) => !named.has(one.message_id))
      .slice(0, MAX_NOTICES - spooled.notices.length);
    const more = Math.max(0, found.remaining - found.too_long.length);
    behind = more;
    atBroker = found.remaining;
    if (found.messages.length === 0 && notices.length === 0) {
      // Nothing to add but the number of those that wait behind the file, and whether it may wake.
      if (spooled.messages.length === 0 || (more === spooled.more && isCalm() === calm) || !takeBack()) return;
      spooled.more = more;
      return write(false);
    }
    // Either we get the file back and add to it, or a hook has it and the new mail is a file of its own.
    if (!takeBack()) spooled = { messages: [], notices: [], more: 0 };
    // A claim that lapsed while the broker was out of reach comes again. What lies here was seen by nobody.
    const again = new Map(spooled.messages.map((message) => [message.message_id, message.redelivered]));
    const isAgain = ({ message_id }: Claim): boolean => again.has(message_id);
    found.messages = found.messages.map((message) => ({
      ...message,
      redelivered: again.get(message.message_id) ?? message.redelivered,
    }));
    const kept = spooled.messages.filter(
      (one) => !found.messages.some(({ message_id }) => message_id === one.message_id),
    );
    for (const notice of notices) named.add(notice.message_id);
    spooled = {
      messages: [...found.messages.filter(isAgain), ...kept, ...found.messages.filter((one) => !isAgain(one))],
      notices: [...spooled.notices, ...notices],
      more,
    };
    lateAfter = LATE_MS;
    write(false);
  }

  /** Reports that lie in no file. */
  function newReports(): ClaimedMail[] {
    const lying = new Set([...spooled.messages, ...spool.files().flatMap(claimsOf)].map((one) => one.message_id));
    return mailbox.reports().filter((one) => !lying.has(one.message_id));
  }

  /** Puts reports into the file, as many as it has room for. */
  function addReports(): void {
    if (quiet) return;
    const used = spooled.messages.reduce((sum, message) => sum + framedLength(message), 0);
    const fit = takeFitting(newReports(), FRAME_BUDGET - used);
    if (fit.length === 0) return;
    if (!takeBack()) spooled = { messages: [], notices: [], more: 0 };
    spooled.messages = [...spooled.messages, ...fit];
    lateAfter = LATE_MS;
    write(false);
  }

  function reset(): void {
    quiet = false;
    atBroker = 0;
    spooled = { messages: [], notices: [], more: 0 };
    behind = 0;
    expecting = true;
    named.clear();
    acknowledged.clear();
  }

  /** Whether the mail file is out of the hooks' reach, and `spooled` therefore true. */
  const takeBack = (): boolean => spool.takeBack() !== undefined;

  return {
    hint() {
      expecting = true;
    },
    run: () =>
      alone(async () => {
        if (between) return;
        await settle();
        addReports();
        const roomAgain = behind > 0 && spooled.messages.length === 0;
        if (!expecting && !roomAgain) return;
        expecting = false;
        try {
          await fill();
        } catch (error) {
          expecting = true;
          throw error;
        }
      }),
    recover: () =>
      alone(async () => {
        between = false;
        const left = spool.takeBack();
        if (left !== undefined) await tell(claimsOf({ content: left }), "returned");
        await settle();
      }),
    check: (limit) =>
      alone(async () => {
        if (between) throw new CctError("unavailable", "This session is just becoming another peer.", "Try again.");
        await settle();
        if (takeBack()) await tell(spooled.messages, "returned");
        spooled = { messages: [], notices: [], more: 0 };
        const mail = await mailbox.check(limit);
        mail.messages.push(...newReports().slice(0, MAX_REPORTS));
        atBroker = mail.remaining;
        const urgency = highestUrgency(mail.messages.map((message) => message.urgency));
        const claims = mail.messages.map(({ message_id, attempt }) => ({ message_id, attempt }));
        return {
          mail,
          shown: () => {
            if (claims.length > 0)
              spool.addShown(writeSpool({ urgency, mode, late: false, nowake: false, claims }, ""));
          },
        };
      }),
    unread: () => claimsOf({ content: spool.peek() ?? "" }).length + atBroker,
    held: () =>
      [
        // From the file, not from memory: at start-up it may be an earlier server's.
        ...claimsOf({ content: spool.peek() ?? "" }),
        ...spool.files().flatMap(claimsOf),
      ].filter(isClaim),
    toolCalled() {
      // Where hooks run they know better: the tools of one batch run side by side.
      if (spool.state() !== undefined) return;
      for (const file of spool.files()) if (file.stage === "done") spool.setStage(file, "read");
    },
    tick(at) {
      if (calm && spooled.messages.length > 0) {
        // The hour goes on: the broker may let it wake by now. What cannot be asked now is asked a minute later.
        if (at - askedAt < CALM_MS) return;
        askedAt = at;
        void alone(async () => {
          await settle();
          if (spooled.messages.length > 0) await fill();
        }).catch(() => {});
        return;
      }
      if (spooled.messages.length + spooled.notices.length === 0 || at - spooledAt < lateAfter) return;
      const urgency = highestUrgency([...spooled.messages, ...spooled.notices].map((one) => one.urgency));
      if (urgency === "low" || spool.state() === "ended") return;
      void alone(async () => {
        // The user pressed Escape (no hook tells), or the host did not see the file come: show it again, to any hook.
        if (!takeBack()) return;
        lateAfter = Math.min(LONGEST_LATE_MS, lateAfter * 2);
        write(true);
      });
    },
    leave: (acknowledge) =>
      alone(async () => {
        between = true;
        // The files first: the hooks of the other conversation must not find them, even when the broker is away.
        const left = spool.takeBack();
        // A hook that is at it may have printed.
        const files = spool.files().filter((file) => file.stage !== "taken" || spool.withdraw(file));
        for (const file of files) spool.remove(file);
        reset();
        for (const file of files) {
          const outcome = file.stage === "taken" ? "lost" : file.stage === "read" ? "read" : "delivered";
          await tell(claimsOf(file), outcome, { acknowledge });
        }
        if (left !== undefined) await tell(claimsOf({ content: left }), "returned", { acknowledge });
      }),
    goOn: () =>
      alone(async () => {
        between = false;
        expecting = true;
      }),
    forget: () =>
      alone(async () => {
        between = false;
        spool.takeBack();
        for (const file of spool.files()) spool.remove(file);
        reset();
      }),
  };
}
