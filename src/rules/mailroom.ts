/**
 * State machine of a session's mail: moves mail from the broker into the spool, and reports back what became of it.
 *
 * A job is a list of steps. A step needs at most one effect, and its result is the event that ends the step. Jobs run one
 * at a time, so a claim never overtakes the settling of another. A job that fails leaves a valid state: whatever it
 * interrupts is still in the spool or in `unconfirmed`, or its lease expires at the broker.
 */
import { CctError, type ErrorCode } from "../platform/errors.ts";
import { isEmpty, urgencyOf } from "./mailfile.ts";
import { type Effect, type Event, type Job, type Mailroom, plans, type Reply, type Step } from "./mailjobs.ts";
import { effectOf, expectMail, finish, report } from "./mailsteps.ts";

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
    case "request":
      return enqueue(state, event.job, now);
    case "done": {
      const [current] = state.steps;
      return current ? advance(finish(state, current, event, now), now) : { state, replies: [] };
    }
    case "failed":
      return abandon(state, event.error, now);
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
  job.name === "tick" ? [] : [{ ...result, id: job.id }];

const changingPeer = new CctError("unavailable", "This session is just becoming another peer.", "Try again.");

function start(state: Mailroom, job: Job, now: number): Mailroom {
  switch (job.name) {
    case "run":
    case "check":
      return state.open ? { ...state, steps: plans[job.name] } : state;
    case "leave":
      return { ...state, open: false, steps: plans.leave };
    case "recover":
    case "clear":
      return { ...state, open: true, steps: plans[job.name] };
    case "resume":
      return expectMail({ ...state, open: true, steps: plans.resume });
    case "tick":
      return state.open ? tick(state, job.ended, now) : state;
  }
}

function tick(state: Mailroom, ended: boolean, now: number): Mailroom {
  const { file, offer, broker } = state;
  if (isEmpty(file)) return state;
  const isDue = now - offer.at >= offer.patience;
  // The last write failed, so what it would have said of waking does not count yet.
  if (!offer.inSpool) return isDue ? { ...state, steps: plans.reoffer } : state;
  if (offer.nowake && file.messages.length > 0) {
    if (now - broker.askedAt < WAKE_CHECK_MS) return state;
    return { ...state, broker: { ...broker, askedAt: now }, steps: plans.recheck };
  }
  // The user pressed Escape, which no hook reports, or the host missed the file.
  const isIgnored = isDue && urgencyOf(file) !== "low" && !ended;
  return isIgnored ? { ...state, steps: plans.reoffer } : state;
}

/** A hint that comes while a claim is under way is for the next claim. */
function begun(state: Mailroom, effect: Effect): Mailroom {
  return effect.do === "claim" ? { ...state, broker: { ...state.broker, mayHaveMail: false } } : state;
}

/** Ends the job with an error. */
function abandon(state: Mailroom, error: unknown, now: number): Transition {
  const { job } = state;
  const [failed] = state.steps;
  let next = returnClaimed({ ...state, job: undefined, steps: [], answer: undefined }, state.steps);
  if (failed?.do === "claim") next = expectMail(next);
  // A tick tries again, but not at once: the disk may be full.
  if (failed?.do === "put") next = { ...next, offer: { ...next.offer, at: now } };
  // The broker will never accept it, so the lease expires instead. What it refuses from a former peer must not reach the next.
  if (failed?.do === "confirm" && !isTransient(error))
    next = { ...next, unconfirmed: state.open ? state.unconfirmed.slice(1) : [] };
  const { replies, ...rest } = advance(next, now);
  return { ...rest, replies: job ? [...reply(job, { error }), ...replies] : replies };
}

/** Returns what was claimed and did not get into the file, because its job failed. */
function returnClaimed(state: Mailroom, steps: readonly Step[]): Mailroom {
  return steps.reduce((next, step) => {
    if (step.do === "absorb") return report(next, step.answer.messages, "returned");
    return step.do === "rewrite" ? report(next, step.added.messages, "returned") : next;
  }, state);
}

const transient: readonly ErrorCode[] = ["unavailable", "store_failed", "store_full", "rate_limited"];
const isTransient = (error: unknown): boolean => error instanceof CctError && transient.includes(error.code);
