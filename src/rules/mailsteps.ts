/** The steps of the mail machine in `mailroom.ts`: the effect that each needs, and what follows from its result. */
import { MAX_NOTICES, takeFitting } from "./framing.ts";
import { expectMail, giveBack, report, reportOn, without } from "./mailclaims.ts";
import {
  type Addition,
  type ClaimedMessage,
  canGiveWay,
  emptyFile,
  hasOrdinaryMail,
  isEmpty,
  merge,
  mustNotWake,
  reportsIn,
  roomIn,
} from "./mailfile.ts";
import {
  type ClaimAnswer,
  type Done,
  type Effect,
  type EffectName,
  FIRST_PATIENCE_MS,
  type Mailroom,
  newMailroom,
  type Results,
  type Step,
} from "./mailjobs.ts";
import { claimsIn } from "./spoolfile.ts";

/** A hook that has not printed the mail this long after it took it has died. */
const HOOK_TIMEOUT_MS = 10_000;
const MAX_PATIENCE_MS = 60_000;
/** Reports in one answer to a check. */
const MAX_REPORTS = 20;

interface Rule<S extends Step> {
  /** The effect that the step needs; without one, it ends at once. */
  effect?(state: Mailroom, step: S): Effect | undefined;
  /** The state after the step. It is not in `state.steps` any more. */
  end(state: Mailroom, step: S, result: Done | undefined, now: number): Mailroom;
}

const table: { [D in Step["do"]]: Rule<Extract<Step, { do: D }>> } = {
  settle: {
    effect: () => ({ do: "look" }),
    end(state, _step, result, now) {
      const { mail, files } = resultOf(result, "look") ?? { mail: false, files: [] };
      const known = mail ? state : { ...state, file: emptyFile };
      return before(
        known,
        files.flatMap((file): Step[] => {
          if (file.stage === "taken") return now - file.since < HOOK_TIMEOUT_MS ? [] : [{ do: "withdraw", file }];
          if (file.stage === "read")
            return [
              { do: "acknowledge", file },
              { do: "remove", file },
            ];
          return state.delivered.has(file.batch) ? [] : [{ do: "acknowledge", file }];
        }),
      );
    },
  },

  acknowledge: {
    effect: ({ open }, { file }) => {
      const ack = reportOn(file);
      return ack.claims.length === 0 ? undefined : { do: "acknowledge", ack, former: !open };
    },
    end: (state, { file }) => ({ ...state, delivered: new Set([...state.delivered, file.batch]) }),
  },

  withdraw: {
    effect: (_state, { file }) => ({ do: "withdraw", file }),
    // The hook may have printed the mail before it died, so it counts as lost and not as returned.
    end: (state, { file }, result) =>
      resultOf(result, "withdraw") ? report(state, claimsIn(file.content), "lost") : state,
  },

  remove: {
    effect: (_state, { file }) => ({
      do: "remove",
      file,
      reports: file.stage === "read" ? reportsIn(file.content) : [],
    }),
    end: (state, { file }) => ({ ...state, delivered: without(state.delivered, [file.batch]) }),
  },

  "empty spool": {
    effect: () => ({ do: "look" }),
    end(state, step, result) {
      const { files = [] } = resultOf(result, "look") ?? {};
      return before(
        state,
        files.map((file): Step => {
          if (step.report && file.stage === "taken") return { do: "withdraw", file };
          return { do: "discard", file, report: step.report };
        }),
      );
    },
  },

  discard: {
    effect: (_state, { file }) => ({ do: "remove", file, reports: [] }),
    end: (state, step) =>
      step.report ? { ...state, unconfirmed: [...state.unconfirmed, reportOn(step.file)] } : state,
  },

  confirm: {
    effect({ unconfirmed: [ack], open }) {
      return ack && { do: "acknowledge", ack, former: !open };
    },
    end(state) {
      const [ack, ...unconfirmed] = state.unconfirmed;
      if (!ack) return state;
      const comesAgain = ack.outcome === "returned" || ack.outcome === "lost";
      return before(comesAgain ? expectMail({ ...state, unconfirmed }) : { ...state, unconfirmed }, [
        { do: "confirm" },
      ]);
    },
  },

  "return mail": {
    effect: () => ({ do: "take back" }),
    end(state, _step, result) {
      const content = resultOf(result, "take back");
      return content === undefined ? { ...state, file: emptyFile } : giveBack(state, claimsIn(content));
    },
  },

  "add reports": {
    effect: ({ broker, trouble }) => (broker.quiet || trouble ? undefined : { do: "list reports" }),
    end(state, _step, result) {
      const fit = takeFitting(newReports(state, result), roomIn(state.file));
      if (fit.length === 0) return state;
      return before(state, [{ do: "rewrite", added: { messages: fit, notices: [] }, late: false }]);
    },
  },

  "claim if useful": {
    end(state, { recheck }) {
      const { broker, file, trouble } = state;
      if (trouble) return state;
      const hasRoomAgain = broker.behind > 0 && file.messages.length === 0;
      const isUseful = recheck ? file.messages.length > 0 : broker.mayHaveMail || hasRoomAgain;
      return isUseful ? before(state, [{ do: "claim", again: false }]) : state;
    },
  },

  claim: {
    effect: ({ file }) => ({ do: "claim", budget: roomIn(file) }),
    end(state, { again }, result, now) {
      const answer = resultOf(result, "claim");
      if (!answer) return state;
      const behind = Math.max(0, answer.remaining - answer.too_long.length);
      const { mayHaveMail } = state.broker;
      const broker = {
        mayHaveMail,
        waiting: answer.remaining,
        behind,
        mayWake: answer.may_wake,
        quiet: answer.quiet,
        askedAt: now,
      };
      return before({ ...state, broker }, [{ do: "absorb", answer, again }]);
    },
  },

  absorb: {
    end(state, { answer, again }) {
      const { file } = state;
      const isQuietNow = answer.quiet && hasOrdinaryMail(file);
      // Something urgent waits, and there is no room for it.
      const isInTheWay = answer.interrupts > 0 && answer.messages.length === 0 && canGiveWay(file);
      if (!again && (isQuietNow || isInTheWay)) {
        const claimed: Step[] = answer.messages.length > 0 ? [{ do: "absorb", answer, again: true }] : [];
        return before(state, [{ do: "return mail" }, ...claimed, { do: "confirm" }, { do: "claim", again: true }]);
      }
      return absorb(state, answer);
    },
  },

  rewrite: {
    effect: () => ({ do: "take back" }),
    end(state, { added, late }, result) {
      const { offer, announced } = state;
      // A hook has the file, so what is added becomes a file of its own.
      const isTaken = resultOf(result, "take back") === undefined;
      const file = merge(isTaken ? emptyFile : state.file, added);
      if (isEmpty(file)) return { ...state, file: emptyFile };
      const hasNews = added.messages.length + added.notices.length > 0;
      const doubled = Math.min(MAX_PATIENCE_MS, offer.patience * 2);
      const patience = late ? doubled : hasNews ? FIRST_PATIENCE_MS : offer.patience;
      const named = added.notices.map(({ message_id }) => message_id);
      return before({ ...state, file, announced: new Set([...announced, ...named]) }, [{ do: "put", late, patience }]);
    },
  },

  put: {
    effect: ({ file, broker }, { late }) => ({ do: "put", file, late, nowake: mustNotWake(file, broker.mayWake) }),
    end(state, { patience }, _result, now) {
      const nowake = mustNotWake(state.file, state.broker.mayWake);
      return { ...state, trouble: undefined, offer: { nowake, at: now, patience } };
    },
  },

  probe: {
    effect: () => ({ do: "probe" }),
    end: (state) => expectMail({ ...state, trouble: undefined }),
  },

  "prepare check": {
    effect: () => ({ do: "list reports" }),
    end: (state, _step, result) =>
      before(state, [{ do: "check", reports: newReports(state, result).slice(0, MAX_REPORTS) }]),
  },

  check: {
    effect: ({ job }) => ({ do: "check", limit: job?.name === "check" ? job.limit : undefined }),
    end(state, { reports }, result) {
      const { messages, remaining } = resultOf(result, "check") ?? { messages: [], remaining: 0 };
      return {
        ...state,
        broker: { ...state.broker, waiting: remaining },
        // A file that could not be taken back still waits for a hook.
        answer: { messages: [...messages, ...reports], remaining: remaining + state.file.messages.length },
      };
    },
  },

  reset: {
    end: ({ open, trouble, unconfirmed, job, queue, steps }) => ({
      ...newMailroom,
      open,
      trouble,
      unconfirmed,
      job,
      queue,
      steps,
    }),
  },

  "drop unconfirmed": { end: (state) => ({ ...state, unconfirmed: [] }) },
};

export function effectOf(state: Mailroom, step: Step): Effect | undefined {
  return ruleOf(step).effect?.(state, step);
}

/** The state after `step`, the first of `state.steps`. `result`: of its effect, if it needed one. */
export function finish(state: Mailroom, step: Step, result: Done | undefined, now: number): Mailroom {
  return ruleOf(step).end({ ...state, steps: state.steps.slice(1) }, step, result, now);
}

/** Seam: the compiler cannot see that a step and the entry under its own name belong together. */
const ruleOf = (step: Step): Rule<Step> => table[step.do] as Rule<Step>;

/** Seam: the value has the type of its effect, by the definition of `Done`. `undefined`: the step needed no effect. */
const resultOf = <N extends EffectName>(result: Done | undefined, effect: N): Results[N] | undefined =>
  result?.effect === effect ? (result.value as Results[N]) : undefined;

const before = (state: Mailroom, steps: readonly Step[]): Mailroom => ({ ...state, steps: [...steps, ...state.steps] });

/** Reports that are in no file yet. */
function newReports({ file }: Mailroom, result: Done | undefined): ClaimedMessage[] {
  const { reports = [], taken = [] } = resultOf(result, "list reports") ?? {};
  const inSpool = new Set([...file.messages, ...taken].map(({ message_id }) => message_id));
  return reports.filter(({ message_id }) => !inSpool.has(message_id));
}

/** Adds what was claimed to the file. */
function absorb(state: Mailroom, { messages, too_long }: ClaimAnswer): Mailroom {
  const { file, broker, offer, announced } = state;
  const notices = too_long
    .filter(({ message_id }) => !announced.has(message_id))
    .slice(0, Math.max(0, MAX_NOTICES - file.notices.length));
  const added: Addition = { messages, notices, more: broker.behind };
  const hasNews = messages.length + notices.length > 0;
  const isStale = broker.behind !== file.more || mustNotWake(file, broker.mayWake) !== offer.nowake;
  const isChanged = hasNews || (file.messages.length > 0 && isStale);
  return isChanged ? before(state, [{ do: "rewrite", added, late: false }]) : state;
}
