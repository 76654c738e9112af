/**
 * The event stream as the mail machine in `mailroom.ts` sees it. A claim that finds nothing stays open, and its answer comes over
 * the stream, at any moment. When the stream closes, the machine knows which answers came, and tells the broker.
 */
import type { Claim } from "./delivery.ts";
import { takeFitting } from "./framing.ts";
import { report } from "./mailclaims.ts";
import { isEmpty, roomIn } from "./mailfile.ts";
import type { ClaimAnswer, Effect, Event, Job, Mailroom, Step } from "./mailjobs.ts";
import type { StreamReport } from "./stream-claims.ts";

/** The broker remembers fewer. */
const MAX_CLOSED = 16;

export function changeStream(state: Mailroom, id: string | undefined): Mailroom {
  const { stream } = state;
  const closed = stream ? [...state.closed, { id: stream.id, received: stream.received, open: false }] : state.closed;
  const next = id === undefined ? undefined : { id, received: 0, isAsked: false };
  return { ...state, closed: closed.slice(-MAX_CLOSED), stream: next };
}

/** What to tell the broker with a claim. It stays open only while the file is empty: then all of a frame is free. */
export function streamReports({ stream, closed, file }: Mailroom): StreamReport[] {
  if (!stream || !isEmpty(file)) return [...closed];
  return [...closed, { id: stream.id, received: stream.received, open: true }];
}

/** Notes what an effect that begins tells the broker. */
export function begun(state: Mailroom, effect: Effect): Mailroom {
  if (effect.do === "recall") return { ...state, recalling: effect.stream };
  return effect.do === "claim" ? beginClaim(state, effect) : state;
}

/** A hint that comes while a claim is under way is for the next claim. */
function beginClaim(state: Mailroom, { streams }: Extract<Effect, { do: "claim" }>): Mailroom {
  const { stream, broker, closed } = state;
  const isAsked = streams.some(({ open }) => open);
  return {
    ...state,
    broker: { ...broker, mayHaveMail: false },
    stream: stream && { ...stream, isAsked: stream.isAsked || isAsked },
    told: closed,
  };
}

/** The state after an answer of the broker, except for its mail. */
export function noteAnswer(state: Mailroom, answer: ClaimAnswer, now: number): Mailroom {
  const broker = {
    mayHaveMail: state.broker.mayHaveMail,
    waiting: answer.remaining,
    behind: Math.max(0, answer.remaining - answer.too_long.length),
    mayWake: answer.may_wake,
    quiet: answer.quiet,
    askedAt: now,
  };
  return { ...state, broker };
}

/** Whether nothing came since the last claim that could have stayed open. */
export const isUnasked = ({ stream, file }: Mailroom): boolean => stream?.isAsked === false && isEmpty(file);

/** The next claim asks again to stay open. */
export const unask = (state: Mailroom): Mailroom =>
  state.stream ? { ...state, stream: { ...state.stream, isAsked: false } } : state;

/** Takes an answer that came over the stream. `job` spools it, unless it is known as missed or was recalled. */
export function accept(
  state: Mailroom,
  { stream: id, number, answer }: Extract<Event, { type: "claimed" }>,
): { state: Mailroom; job?: Job } {
  const { stream, open } = state;
  if (!open || stream?.id !== id) return { state };
  if (answer.messages.length > 0 && number <= stream.received) return { state: unask(state) };
  const received = Math.max(stream.received, number);
  return { state: { ...state, stream: { ...stream, received } }, job: { name: "receive", number, answer } };
}

/** What may be on its way is recalled. Whether a claim is still open, only the broker knows. */
export function recallOf({ stream }: Mailroom): StreamReport | undefined {
  return stream && { id: stream.id, received: stream.received, open: true, recall: true };
}

/** Claims that are in no file yet: of answers that wait for their job, and of the job under way. */
export function claimsUnderWay({ queue, steps }: Mailroom): Claim[] {
  const waiting = queue.flatMap((job) => (job.name === "receive" ? job.answer.messages : []));
  const moving = steps.flatMap((step) =>
    step.do === "receive" || step.do === "absorb"
      ? step.answer.messages
      : step.do === "rewrite"
        ? step.added.messages
        : [],
  );
  return [...waiting, ...moving].map(({ message_id, attempt }) => ({ message_id, attempt }));
}

/** `last`: what the broker said. What came while it was asked was recalled too. */
export function recalled(state: Mailroom, last: number): Mailroom {
  const { stream, queue, recalling: before } = state;
  if (!stream || stream.id !== before?.id) return state;
  const isRecalled = (job: Job): boolean =>
    job.name === "receive" && job.number > before.received && job.number <= last && job.answer.messages.length > 0;
  const next = { ...state, stream: { ...stream, received: Math.max(stream.received, last) } };
  if (!queue.some(isRecalled)) return next;
  return unask({ ...next, queue: queue.filter((job) => !isRecalled(job)) });
}

/** Spools as much of it as there is room for now; the rest goes back to the broker. */
export function receive(state: Mailroom, answer: ClaimAnswer, now: number): Mailroom {
  const messages = state.trouble ? [] : takeFitting(answer.messages, roomIn(state.file));
  const rest = answer.messages.slice(messages.length);
  const heard = report(unask(noteAnswer(state, answer, now)), rest, "returned");
  const absorb: Step[] = state.trouble ? [] : [{ do: "absorb", answer: { ...answer, messages }, again: false }];
  return { ...heard, steps: [...absorb, { do: "confirm" }, ...heard.steps] };
}

/** Returns the answers that wait for their job: a check gets them, or the session stops being this peer. */
export function dropReceived(state: Mailroom): Mailroom {
  const queue = state.queue.filter(({ name }) => name !== "receive");
  const received = state.queue.flatMap((job) => (job.name === "receive" ? job.answer.messages : []));
  return queue.length < state.queue.length ? report(unask({ ...state, queue }), received, "returned") : state;
}
