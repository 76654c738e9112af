/**
 * State machine of a session's mail: moves mail from the broker into the spool, and reports back what became of it.
 *
 * A job is a list of steps. A step needs at most one effect, and its result is the event that ends the step. Jobs run one
 * at a time, so a claim never overtakes the settling of another. A job that fails leaves a valid state: whatever it
 * interrupts is still in the spool or in `unconfirmed`, or its lease expires at the broker.
 */
import { CctError, type ErrorCode, systemCode } from "../platform/errors.ts";
import { expectMail, giveBack, report } from "./mailclaims.ts";
import { claimsOf, isEmpty, urgencyOf } from "./mailfile.ts";
import {
  type Effect,
  type EffectName,
  type Event,
  GATHER_MS,
  type Job,
  type Mailroom,
  plans,
  type Reply,
  type Step,
} from "./mailjobs.ts";
import { effectOf, finish } from "./mailsteps.ts";
import { accept, begun, changeStream, dropReceived } from "./mailstreams.ts";

/** How long to wait before the spool is tried again: at first, and at most. */
const FIRST_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 60_000;
/** How often to ask the broker whether mail may wake the session again. */
const WAKE_CHECK_MS = 60_000;

export interface Transition {
  state: Mailroom;
  /** Its result is the event that continues the job. */
  effect?: Effect;
  /** For callers whose jobs have ended. */
  replies: Reply[];
}

export function step(state: Mailroom, event: Event, now: number): Transition {
  switch (event.type) {
    case "hint":
      return { state: expectMail(state), replies: [] };
    case "stream":
      return { state: changeStream(state, event.id), replies: [] };
    case "claimed": {
      const { state: next, job } = accept(state, event);
      return job ? enqueue(next, job, now) : { state: next, replies: [] };
    }
    case "request":
      return enqueue(state, event.job, now);
    case "done": {
      const [current] = state.steps;
      return current ? advance(finish(state, current, event, now), now) : { state, replies: [] };
    }
    case "failed":
      return failed(state, event.error, now);
    case "trouble":
      return { state: state.trouble ? state : inTrouble(state, event.error, now), replies: [] };
  }
}

function enqueue(state: Mailroom, job: Job, now: number): Transition {
  // While a job takes long, one tick is enough.
  if (job.name === "tick" && state.queue.some(({ name }) => name === "tick")) return { state, replies: [] };
  const queued = { ...state, queue: [...state.queue, job] };
  return state.job ? { state: queued, replies: [] } : advance(queued, now);
}

/** Runs steps until one needs an effect, or there is nothing to do. */
function advance(from: Mailroom, now: number): Transition {
  const replies: Reply[] = [];
  let state = from;
  for (;;) {
    const [current] = state.steps;
    const effect = current && effectOf(state, current);
    if (effect) return { state: begun(state, effect), effect, replies };
    if (current) {
      state = finish(state, current, undefined, now);
      continue;
    }
    if (state.job) replies.push(...reply(state.job, { answer: state.answer }));
    const [job, ...queue] = state.queue;
    state = { ...state, job, queue, answer: undefined };
    if (!job) return { state, replies };
    if (job.name === "check" && !state.open) {
      replies.push(...reply(job, { error: changingPeer }));
      state = { ...state, job: undefined };
    } else state = start(state, job, now);
  }
}

const reply = (job: Job, result: Omit<Reply, "id">): Reply[] =>
  job.name === "tick" || job.name === "receive" ? [] : [{ ...result, id: job.id }];

const changingPeer = new CctError("unavailable", "This session is just becoming another peer.", "Try again.");

function start(state: Mailroom, job: Job, now: number): Mailroom {
  switch (job.name) {
    case "run":
    case "check":
      return state.open ? { ...state, steps: plans[job.name] } : state;
    case "leave":
      return { ...dropReceived(changeStream(state, undefined)), open: false, steps: plans.leave };
    case "recover":
    case "clear":
      return { ...state, ...noStreams, open: true, steps: plans[job.name] };
    case "resume":
      return expectMail({ ...state, ...noStreams, open: true, steps: plans.resume });
    case "receive":
      // A hook may have taken the file. An empty one needs no look, which would take time.
      return {
        ...state,
        steps: [...(isEmpty(state.file) ? [] : plans.settle), { do: "receive", answer: job.answer }],
      };
    case "tick":
      return state.open ? tick(state, job.ended, now) : state;
  }
}

/** The broker makes no claims for the streams of before: the session has just registered. */
const noStreams: Partial<Mailroom> = { stream: undefined, closed: [] };

function tick(state: Mailroom, ended: boolean, now: number): Mailroom {
  const { file, offer, broker, trouble } = state;
  if (trouble) return now - trouble.at < trouble.pause ? state : { ...state, steps: plans.probe };
  if (isEmpty(file)) return state;
  if (offer.gathers) return now - offer.began < GATHER_MS ? state : { ...state, steps: plans.release };
  const isDue = now - offer.at >= offer.patience;
  if (offer.nowake && file.messages.length > 0) {
    if (now - broker.askedAt < WAKE_CHECK_MS) return state;
    return { ...state, broker: { ...broker, askedAt: now }, steps: plans.recheck };
  }
  // The user pressed Escape, which no hook reports, or the host missed the file.
  const isIgnored = isDue && urgencyOf(file) !== "low" && !ended;
  return isIgnored ? { ...state, steps: plans.reoffer } : state;
}

/** Effects on this machine's files, which work or fail for reasons of their own. */
const local: readonly EffectName[] = ["look", "take back", "put", "probe", "withdraw", "remove", "list reports"];

function failed(state: Mailroom, error: unknown, now: number): Transition {
  const [current, ...rest] = state.steps;
  const effect = current && effectOf(state, current);
  if (!effect || !local.includes(effect.do)) return abandon(state, error, now);
  const known = inTrouble(state, error, now);
  // Certainly not shown: the broker has it back before its lease expires, which would count as a doubt. The file is not in place.
  if ([current, ...rest].some((one) => one?.do === "put")) {
    const others = rest.filter((one) => one.do !== "put");
    const returned = giveBack({ ...known, steps: [{ do: "confirm" }, ...others] }, claimsOf(state.file.messages));
    return advance(returned, now);
  }
  // A tool can be given what waits at the broker without the spool.
  if (state.job?.name === "check")
    return advance({ ...known, steps: current?.do === "prepare check" ? [{ do: "check", reports: [] }] : rest }, now);
  return abandon(known, error, now);
}

function inTrouble(state: Mailroom, error: unknown, now: number): Mailroom {
  const { trouble } = state;
  const [current] = state.steps;
  const code = systemCode(error) ?? (error instanceof CctError ? error.code : "EIO");
  // What fails besides the tries must not put them off.
  if (trouble && current?.do !== "probe" && current?.do !== "put") return { ...state, trouble: { ...trouble, code } };
  const pause = trouble ? Math.min(MAX_PAUSE_MS, trouble.pause * 2) : FIRST_PAUSE_MS;
  return { ...state, trouble: { code, at: now, pause } };
}

/** Ends the job with an error. */
function abandon(state: Mailroom, error: unknown, now: number): Transition {
  const { job } = state;
  const [failed] = state.steps;
  let next = returnClaimed({ ...state, job: undefined, steps: [], answer: undefined }, state.steps);
  if (failed?.do === "claim") next = expectMail(next);
  // The broker will never accept it, so the lease expires instead. What it refuses from a former peer must not reach the next.
  if (failed?.do === "confirm" && !isTransient(error))
    next = { ...next, unconfirmed: state.open ? state.unconfirmed.slice(1) : [] };
  const { replies, ...rest } = advance(next, now);
  return { ...rest, replies: job ? [...reply(job, { error }), ...replies] : replies };
}

/** Returns what was claimed and did not get into the file, because its job failed. */
function returnClaimed(state: Mailroom, steps: readonly Step[]): Mailroom {
  return steps.reduce((next, step) => {
    if (step.do === "absorb" || step.do === "receive") return report(next, step.answer.messages, "returned");
    return step.do === "rewrite" ? report(next, step.added.messages, "returned") : next;
  }, state);
}

const transient: readonly ErrorCode[] = ["unavailable", "store_failed", "store_full", "rate_limited"];
const isTransient = (error: unknown): boolean => error instanceof CctError && transient.includes(error.code);
