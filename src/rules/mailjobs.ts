/** Jobs, steps, effects, events and the state of the mail machine in `mailroom.ts`. */
import type { Claim, DeliveryMethod, Outcome } from "./delivery.ts";
import type { OversizedMessage } from "./framing.ts";
import { type Addition, type ClaimedMessage, emptyFile, type MailFile } from "./mailfile.ts";
import type { StageName, TakenFile } from "./spoolfile.ts";
import type { StreamReport } from "./stream-claims.ts";

/** Mail that no hook takes is offered again, to any hook, after this time; then after twice the time, and so on. */
export const FIRST_PATIENCE_MS = 5_000;
/** What CCT itself has to say wakes the session after this time, at the next tick, unless a message comes and takes it along. */
export const GATHER_MS = 1_000;

export interface ClaimAnswer {
  messages: readonly ClaimedMessage[];
  remaining: number;
  interrupts: number;
  quiet: boolean;
  may_wake: boolean;
  too_long: readonly OversizedMessage[];
}

export interface CheckAnswer {
  messages: ClaimedMessage[];
  remaining: number;
}

/** The spool cannot be used now: the disk is full or read-only, or too many files are open. */
interface Trouble {
  /** The system's code, such as `ENOSPC`. */
  code: string;
  /** When it was last tried. */
  at: number;
  /** How long until the next try. */
  pause: number;
}

/** `shown`: what was shown together, and how. */
export interface Acknowledgement {
  claims: readonly Claim[];
  outcome: Outcome;
  shown?: { via: DeliveryMethod; batch: string };
}

/**
 * - `run`: settle what hooks did, then claim what waits.
 * - `check`: hand out all mail as the answer of a tool.
 * - `recover`: return what an earlier session server left in the spool.
 * - `leave`: stop being this peer: empty the spool and report every claim.
 * - `resume`: continue as a new peer with what is in the spool, because the broker has forgotten the former one.
 * - `clear`: start as a new peer with an empty spool.
 */
export type RequestName = "run" | "check" | "recover" | "leave" | "resume" | "clear";

/**
 * `id` identifies the caller that waits for the reply. `tick` does what only the clock starts. `receive` spools what came over the
 * event stream. Nobody waits for these two.
 */
export type Job =
  | { name: RequestName; id: number; limit?: number | undefined }
  | { name: "tick"; ended: boolean }
  | { name: "receive"; number: number; answer: ClaimAnswer };

export type Step =
  /** See what hooks did, and act on each file. */
  | { do: "settle" }
  /** Report a file that was shown, or read. */
  | { do: "acknowledge"; file: TakenFile }
  /** Remove a file whose hook has died, unless the hook is faster. */
  | { do: "withdraw"; file: TakenFile }
  | { do: "remove"; file: TakenFile }
  /** Empty the spool. `report`: and acknowledge what was in it. */
  | { do: "empty spool"; report: boolean }
  | { do: "discard"; file: TakenFile; report: boolean }
  /** Repeat acknowledgements that the broker has not confirmed. */
  | { do: "confirm" }
  /** Take the mail file back and return its claims. */
  | { do: "return mail" }
  | { do: "add reports" }
  /** `recheck`: whether mail that must not wake may wake now; else only when the broker may have something. */
  | { do: "claim if useful"; recheck: boolean }
  /** `again`: the file has given way already. */
  | { do: "claim"; again: boolean }
  | { do: "absorb"; answer: ClaimAnswer; again: boolean }
  /** The answer to an open claim: as much of it as there is room for now. */
  | { do: "receive"; answer: ClaimAnswer }
  /** Take the mail file back, add to it, and put it in place again. */
  | { do: "rewrite"; added: Addition; late: boolean }
  | { do: "put"; late: boolean; patience: number; gathers: boolean }
  /** Take files from hooks that have not printed them yet, if they have one of these messages, which came again, marked. */
  | { do: "withdraw doubles"; ids: string[] }
  /** Try whether the spool can be written again. */
  | { do: "probe" }
  /** Make the broker queue again what it has sent over the stream and has not come. */
  | { do: "recall" }
  | { do: "prepare check" }
  | { do: "check"; reports: ClaimedMessage[] }
  /** Forget everything about the former peer but unconfirmed acknowledgements. */
  | { do: "reset" }
  | { do: "drop unconfirmed" };

export type Effect =
  /** List the spool. */
  | { do: "look" }
  | { do: "take back" }
  | { do: "put"; file: MailFile; late: boolean; nowake: boolean }
  | { do: "probe" }
  | { do: "withdraw"; file: StageName }
  /** Remove a file. The model has read the reports that are named. */
  | { do: "remove"; file: StageName; reports: string[] }
  | { do: "list reports" }
  | { do: "claim"; budget: number; streams: readonly StreamReport[] }
  | { do: "recall"; stream: StreamReport }
  | { do: "check"; limit: number | undefined }
  /** `former`: as the peer that the session is leaving. */
  | { do: "acknowledge"; ack: Acknowledgement; former: boolean };

export interface Reply {
  id: number;
  answer?: CheckAnswer | undefined;
  error?: unknown;
}

/** What each effect results in. */
export interface Results {
  look: { mail: boolean; files: readonly TakenFile[] };
  "take back": string | undefined;
  put: undefined;
  probe: undefined;
  withdraw: boolean;
  remove: undefined;
  "list reports": { reports: readonly ClaimedMessage[]; taken: readonly Claim[] };
  claim: ClaimAnswer;
  /** The number of the last answer that must be ignored. */
  recall: number;
  check: CheckAnswer;
  acknowledge: undefined;
}
export type EffectName = Effect["do"];

/** The result of an effect. */
export type Done = { [N in EffectName]: { type: "done"; effect: N; value: Results[N] } }[EffectName];

export type Event =
  /** There may be mail at the broker. */
  | { type: "hint" }
  /** An event stream is open, or none is. */
  | { type: "stream"; id: string | undefined }
  /** The answer to an open claim came over the stream. */
  | { type: "claimed"; stream: string; number: number; answer: ClaimAnswer }
  /** A job to do after those that were requested before. A tick with `ended`: no hook will take anything any more. */
  | { type: "request"; job: Job }
  | Done
  | { type: "failed"; error: unknown }
  /** A file beside the spool could not be written, so the spool cannot be either. */
  | { type: "trouble"; error: unknown };

interface Stream {
  id: string;
  /** The number of the last answer that came over it. */
  received: number;
  /** A claim was made that stays open if nothing waits. */
  isAsked: boolean;
}

export interface Mailroom {
  /** `false` between two peers: nothing is claimed. */
  readonly open: boolean;
  /** Content of the mail file. */
  readonly file: MailFile;
  readonly offer: {
    /** Whether it was written as mail that must not wake the session. */
    nowake: boolean;
    /** Whether it was written as mail that does not wake the session yet. */
    gathers: boolean;
    /** When the file began. */
    began: number;
    at: number;
    patience: number;
  };
  /** What the broker said with the last claim. */
  readonly broker: {
    mayHaveMail: boolean;
    waiting: number;
    /** Of these, how many only wait for room in the file. */
    behind: number;
    mayWake: boolean;
    /** The peer is busy. */
    quiet: boolean;
    askedAt: number;
  };
  /** The open event stream. */
  readonly stream: Stream | undefined;
  /** Streams that were closed, as the broker has to know them: what it claimed for them and did not get here is not lost. */
  readonly closed: readonly StreamReport[];
  /** Those of them that the claim under way tells the broker. */
  readonly told: readonly StreamReport[];
  /** What the recall under way says. */
  readonly recalling: StreamReport | undefined;
  /** While it lasts, nothing is claimed: mail waits at the broker, or for a check. */
  readonly trouble: Trouble | undefined;
  /** Oversized messages that a file has named. */
  readonly announced: ReadonlySet<string>;
  /** Batches that the broker knows as delivered. */
  readonly delivered: ReadonlySet<string>;
  /** Acknowledgements of mail that is not in the spool any more. They are repeated until the broker confirms them. */
  readonly unconfirmed: readonly Acknowledgement[];
  readonly job: Job | undefined;
  readonly queue: readonly Job[];
  /** The rest of the job. The first step waits for the result of its effect. */
  readonly steps: readonly Step[];
  readonly answer?: CheckAnswer | undefined;
}

export const newMailroom: Mailroom = {
  open: true,
  file: emptyFile,
  offer: { nowake: false, gathers: false, began: 0, at: 0, patience: FIRST_PATIENCE_MS },
  broker: { mayHaveMail: true, waiting: 0, behind: 0, mayWake: true, quiet: false, askedAt: 0 },
  stream: undefined,
  closed: [],
  told: [],
  recalling: undefined,
  trouble: undefined,
  announced: new Set(),
  delivered: new Set(),
  unconfirmed: [],
  job: undefined,
  queue: [],
  steps: [],
};

const settle: readonly Step[] = [{ do: "settle" }, { do: "confirm" }];

const run: readonly Step[] = [...settle, { do: "add reports" }, { do: "claim if useful", recheck: false }];

export const plans = {
  settle,
  run,
  check: [
    ...settle,
    { do: "return mail" },
    { do: "confirm" },
    { do: "recall" },
    { do: "confirm" },
    { do: "prepare check" },
  ],
  recover: [{ do: "return mail" }, { do: "confirm" }, ...settle],
  // The files first: hooks of the next conversation must not find them, even when the broker is away.
  leave: [{ do: "return mail" }, { do: "empty spool", report: true }, { do: "reset" }, { do: "confirm" }],
  resume: [{ do: "drop unconfirmed" }],
  clear: [{ do: "return mail" }, { do: "empty spool", report: false }, { do: "reset" }, { do: "drop unconfirmed" }],
  /** Ask whether mail may wake the session now. */
  recheck: [...settle, { do: "claim if useful", recheck: true }],
  /** Offer the mail to any hook. */
  reoffer: [{ do: "rewrite", added: emptyFile, late: true }],
  /** Let the mail wake the session now. */
  release: [{ do: "rewrite", added: { messages: [], notices: [] }, late: false }],
  probe: [{ do: "probe" }, ...run],
} satisfies Record<string, readonly Step[]>;

/** What a step does. */
export interface Rule<S extends Step> {
  /** The effect that the step needs; without one, it ends at once. */
  effect?(state: Mailroom, step: S): Effect | undefined;
  /** The state after the step. It is not in `state.steps` any more. */
  end(state: Mailroom, step: S, result: Done | undefined, now: number): Mailroom;
}

/** The rules of the steps with these names. */
export type Rules<Name extends Step["do"]> = { [D in Name]: Rule<Extract<Step, { do: D }>> };

/** Seam: the value has the type of its effect, by the definition of `Done`. `undefined`: the step needed no effect. */
export const resultOf = <N extends EffectName>(result: Done | undefined, effect: N): Results[N] | undefined =>
  result?.effect === effect ? (result.value as Results[N]) : undefined;

export const before = (state: Mailroom, steps: readonly Step[]): Mailroom => ({
  ...state,
  steps: [...steps, ...state.steps],
});
