/** The steps of the mail machine in `mailroom.ts`: the effect that each needs, and what follows from its result. */
import { MAX_NOTICES, takeFitting } from "./framing.ts";
import { expectMail, giveBack, report } from "./mailclaims.ts";
import {
  type Addition,
  type ClaimedMessage,
  canGather,
  canGiveWay,
  emptyFile,
  hasOrdinaryMail,
  isEmpty,
  merge,
  mustNotWake,
  roomIn,
} from "./mailfile.ts";
import {
  before,
  type ClaimAnswer,
  type Done,
  type Effect,
  FIRST_PATIENCE_MS,
  GATHER_MS,
  type Mailroom,
  newMailroom,
  type Rule,
  type Rules,
  resultOf,
  type Step,
} from "./mailjobs.ts";
import { shownSteps } from "./mailshown.ts";
import {
  dropReceived,
  isUnasked,
  noteAnswer,
  recalled,
  recallOf,
  receive,
  streamReports,
  unask,
} from "./mailstreams.ts";
import { claimsIn } from "./spoolfile.ts";

const MAX_PATIENCE_MS = 60_000;
/** Reports in one answer to a check. */
const MAX_REPORTS = 20;
/** Long messages whose first lines were shown, and are not shown again. */
const MAX_ANNOUNCED = 1_000;

const table: Rules<Step["do"]> = {
  ...shownSteps,

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
      const isUseful = recheck ? file.messages.length > 0 : broker.mayHaveMail || hasRoomAgain || isUnasked(state);
      return isUseful ? before(state, [{ do: "claim", again: false }]) : state;
    },
  },

  claim: {
    effect: (state) => ({ do: "claim", budget: roomIn(state.file), streams: streamReports(state) }),
    end(state, { again }, result, now) {
      const answer = resultOf(result, "claim");
      if (!answer) return state;
      const closed = state.closed.filter((one) => !state.told.includes(one));
      return before(noteAnswer({ ...state, closed }, answer, now), [{ do: "absorb", answer, again }]);
    },
  },

  receive: { end: (state, { answer }, _result, now) => receive(state, answer, now) },

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
    end(state, { added, late }, result, now) {
      const { offer, announced } = state;
      // A hook has the file, so what is added becomes a file of its own.
      const isTaken = resultOf(result, "take back") === undefined;
      const present = isTaken ? emptyFile : state.file;
      const file = merge(present, added);
      if (isEmpty(file)) return { ...state, file: emptyFile };
      const hasNews = added.messages.length + added.notices.length > 0;
      const doubled = Math.min(MAX_PATIENCE_MS, offer.patience * 2);
      const patience = late ? doubled : hasNews ? FIRST_PATIENCE_MS : offer.patience;
      const named = added.notices.map(({ message_id }) => message_id);
      const began = isEmpty(present) ? now : offer.began;
      const gathers = !late && canGather(file) && now - began < GATHER_MS;
      const next = {
        ...state,
        file,
        offer: { ...offer, began },
        announced: new Set([...announced, ...named].slice(-MAX_ANNOUNCED)),
      };
      return before(next, [...withdrawDoubles(added.messages), { do: "put", late, patience, gathers }]);
    },
  },

  put: {
    effect: ({ file, broker }, { late, gathers }) => ({
      do: "put",
      file,
      late,
      nowake: gathers || mustNotWake(file, broker.mayWake),
    }),
    end(state, { patience, gathers }, _result, now) {
      const nowake = mustNotWake(state.file, state.broker.mayWake);
      return unask({ ...state, trouble: undefined, offer: { ...state.offer, nowake, gathers, at: now, patience } });
    },
  },

  probe: {
    effect: () => ({ do: "probe" }),
    end: (state) => expectMail({ ...state, trouble: undefined }),
  },

  recall: {
    effect(state) {
      const stream = recallOf(state);
      return stream && { do: "recall", stream };
    },
    end(state, _step, result) {
      const last = resultOf(result, "recall");
      return dropReceived(last === undefined ? state : recalled(state, last));
    },
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
      const { file } = state;
      // A file that could not be taken back still waits for a hook. What is in it and was claimed again, because its lease
      // lapsed, is not given out here as well: the hook would show it a second time, without the mark.
      const inFile = messages.filter((one) => file.messages.some(({ message_id }) => message_id === one.message_id));
      const given = messages.filter((one) => !inFile.includes(one));
      const answered = {
        ...report({ ...state, broker: { ...state.broker, waiting: remaining } }, inFile, "returned"),
        answer: { messages: [...given, ...reports], remaining: remaining + file.messages.length },
      };
      return before(answered, withdrawDoubles(given));
    },
  },

  reset: {
    end: ({ open, closed, trouble, unconfirmed, job, queue, steps }) => ({
      ...newMailroom,
      open,
      closed,
      trouble,
      unconfirmed,
      job,
      queue,
      steps,
    }),
  },
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

/** Reports that are in no file yet. */
function newReports({ file }: Mailroom, result: Done | undefined): ClaimedMessage[] {
  const { reports = [], taken = [] } = resultOf(result, "list reports") ?? {};
  const inSpool = new Set([...file.messages, ...taken].map(({ message_id }) => message_id));
  return reports.filter(({ message_id }) => !inSpool.has(message_id));
}

/**
 * Mail that comes again is marked. A hook may still be about to print the first copy, which has no mark: it must not be able to
 * any more. To be done after the mail file was taken back, so that no other hook can take that copy.
 */
function withdrawDoubles(messages: readonly ClaimedMessage[]): Step[] {
  const ids = messages.filter(({ redelivered }) => redelivered).map(({ message_id }) => message_id);
  return ids.length > 0 ? [{ do: "withdraw doubles", ids }] : [];
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
