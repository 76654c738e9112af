/**
 * State machine of a session's connection to its broker: register, send heartbeats, and register again when the broker
 * refuses the peer or the host changed to a conversation of another one.
 *
 *     identify → [leave mail] → find broker → identify again → [leave peer] → register → open mail → registered
 *     registered: identify → heartbeat → idle          failed: wait, then again          closing: unregister → closed
 *
 * At most one call is under way, so a heartbeat never overtakes a registration, and no two registrations run at once.
 */
import type { CctError } from "../platform/errors.ts";

/** `restored`: as a peer that existed before. `created`: as a new one. `recreated`: the broker had forgotten the peer. */
export type Registration = "restored" | "created" | "recreated";

/** The conversation that the host is in now. */
interface Identity {
  conversation: string | undefined;
  /** Hooks named it; else only the environment did. */
  byHooks: boolean;
  /** It belongs to another peer. */
  isOther: boolean;
}

/** What the shell does on behalf of the machine. Each ends with `done` or `failed`. */
export type Call =
  /** Which conversation the host is in. `isOther` matters only when it is not the one that is `known`. */
  | { do: "identify"; known: string | undefined }
  /** Empty the spool: the next conversation must not find the mail of this peer, even when the broker is away. */
  | { do: "leave mail" }
  | { do: "find broker" }
  /** Stop being the present peer, at the broker too. */
  | { do: "leave peer" }
  | { do: "register"; conversation: string | undefined }
  | { do: "open mail"; registration: Registration }
  | { do: "heartbeat"; conversation: string | undefined; isNew: boolean }
  /** Backoff; after the first failure there is none. */
  | { do: "wait"; failures: number }
  | { do: "unregister" };

export type Notice =
  | { do: "show"; broker: "up" | "away" }
  /** Why the session cannot be used now. */
  | { do: "report"; problem: CctError }
  /** Registered: open the event stream, start the heartbeat timer, let those continue who wait for the registration. */
  | { do: "listen" }
  | { do: "check mail" }
  /** Close the stream, stop the timer, end a `wait`. */
  | { do: "stop" }
  | { do: "closed" };

export type Event =
  | { type: "start" }
  | { type: "identified"; identity: Identity }
  | { type: "registered"; registration: Registration }
  /** The heartbeat was answered. `hasMail`: there is mail to claim. */
  | { type: "answered"; hasMail: boolean }
  /** Any other call is done. */
  | { type: "done" }
  /** `noAnswer`: no broker answered at all, so the stream breaks as well. */
  | { type: "failed"; error: CctError; noAnswer: boolean }
  | { type: "heartbeat due" }
  /** What hooks report now; a heartbeat follows when it is something new. */
  | { type: "signals"; signals: string }
  | { type: "stream lost"; error: CctError }
  | { type: "close" };

type Stage =
  | "idle"
  | "identify"
  | "leave mail"
  | "find broker"
  | "identify again"
  | "leave peer"
  | "register"
  | "open mail"
  | "identify for heartbeat"
  | "heartbeat"
  | "wait"
  | "unregister";

export interface Connection {
  readonly status: "registering" | "registered" | "closing" | "closed";
  /** The call that is under way. */
  readonly stage: Stage;
  /** Whether the session was ever registered. */
  readonly hasPeer: boolean;
  /** The conversation with which the session was last registered or sent a heartbeat. */
  readonly conversation: string | undefined;
  /** It is known from the environment only. A fork names its original there, until hooks name the fork. */
  readonly isProvisional: boolean;
  /** For the call that is under way. */
  readonly identity: Identity;
  readonly heartbeatDue: boolean;
  /** In a row. */
  readonly failures: number;
  /** What hooks reported when the last heartbeat became due. */
  readonly signals: string | undefined;
}

export interface Transition {
  state: Connection;
  call?: Call;
  notices: Notice[];
}

export const newConnection: Connection = {
  status: "registering",
  stage: "idle",
  hasPeer: false,
  conversation: undefined,
  isProvisional: false,
  identity: { conversation: undefined, byHooks: false, isOther: false },
  heartbeatDue: false,
  failures: 0,
  signals: undefined,
};

export function step(state: Connection, event: Event): Transition {
  switch (event.type) {
    case "start":
      return wake(state);
    case "heartbeat due":
      return wake({ ...state, heartbeatDue: true });
    case "signals":
      if (state.status !== "registered" || event.signals === state.signals) return stay(state);
      return wake({ ...state, signals: event.signals, heartbeatDue: true });
    case "stream lost":
      return streamLost(state, event.error);
    case "close":
      return close(state);
    case "failed":
      return failed(state, event.error, event.noAnswer);
    case "identified":
      return identified({ ...state, identity: event.identity });
    case "registered":
      return registered(state, event.registration);
    case "answered":
      return answered(state, event.hasMail);
    case "done":
      return done(state);
  }
}

const isOpen = ({ status }: Connection): boolean => status === "registering" || status === "registered";
const stay = (state: Connection): Transition => ({ state, notices: [] });
const begin = (state: Connection, stage: Stage, call: Call): Transition => ({
  state: { ...state, stage },
  call,
  notices: [],
});
const notify = ({ notices, ...rest }: Transition, ...before: Notice[]): Transition => ({
  ...rest,
  notices: [...before, ...notices],
});

const wake = (state: Connection): Transition => (state.stage === "idle" ? next(state) : stay(state));

/** Begins what is due, now that no call is under way. */
function next(state: Connection): Transition {
  const known = state.conversation;
  switch (state.status) {
    case "closed":
      return stay({ ...state, stage: "idle" });
    case "closing":
      if (state.hasPeer) return begin(state, "unregister", { do: "unregister" });
      return { state: { ...state, status: "closed", stage: "idle" }, notices: [{ do: "closed" }] };
    case "registering":
      return begin(state, "identify", { do: "identify", known });
    case "registered":
      if (!state.heartbeatDue) return stay({ ...state, stage: "idle", failures: 0 });
      return begin({ ...state, heartbeatDue: false }, "identify for heartbeat", { do: "identify", known });
  }
}

function identified(state: Connection): Transition {
  if (!isOpen(state)) return next(state);
  const { hasPeer, isProvisional, identity } = state;
  const { conversation, isOther } = identity;
  const hasChanged = hasPeer && conversation !== state.conversation;
  const isMoving = hasChanged && (isProvisional || isOther);
  switch (state.stage) {
    case "identify":
      return isMoving ? begin(state, "leave mail", { do: "leave mail" }) : findBroker(state);
    case "identify again":
      // The fork of a conversation is another peer.
      return hasChanged && isProvisional ? begin(state, "leave peer", { do: "leave peer" }) : register(state);
    default:
      if (isMoving || state.status !== "registered") return next({ ...state, status: "registering" });
      return begin(state, "heartbeat", { do: "heartbeat", conversation, isNew: conversation !== state.conversation });
  }
}

const findBroker = (state: Connection): Transition => begin(state, "find broker", { do: "find broker" });
const register = (state: Connection): Transition =>
  begin(state, "register", { do: "register", conversation: state.identity.conversation });

function registered(state: Connection, registration: Registration): Transition {
  const { conversation, byHooks } = state.identity;
  const isProvisional = !byHooks && registration === "restored";
  const changed = { ...state, hasPeer: true, conversation, isProvisional };
  return isOpen(state) ? begin(changed, "open mail", { do: "open mail", registration }) : next(changed);
}

function answered(state: Connection, hasMail: boolean): Transition {
  const { conversation, byHooks } = state.identity;
  const isProvisional = state.isProvisional && !byHooks;
  const then = next({ ...state, conversation, isProvisional, failures: 0 });
  if (!isOpen(state)) return then;
  // Hints may get lost; the next heartbeat reports the mail anyway.
  return notify(then, { do: "show", broker: "up" }, ...(hasMail ? [{ do: "check mail" } as const] : []));
}

function done(state: Connection): Transition {
  if (state.stage === "unregister") return next({ ...state, hasPeer: false });
  if (!isOpen(state)) return next(state);
  switch (state.stage) {
    case "leave mail":
      return findBroker(state);
    case "find broker":
      return begin(state, "identify again", { do: "identify", known: state.conversation });
    case "leave peer":
      return register({ ...state, isProvisional: false });
    case "open mail":
      // At once: the answer has what the status line shows.
      return notify(
        next({ ...state, status: "registered", heartbeatDue: true, signals: undefined }),
        { do: "show", broker: "up" },
        { do: "listen" },
      );
    default:
      return next(state);
  }
}

/** Whether the broker rejects this peer: it does not know it, or another session is it. */
export const isRefusal = ({ code }: CctError): boolean => code === "unauthorized" || code === "conflict";

function failed(state: Connection, error: CctError, noAnswer: boolean): Transition {
  if (state.stage === "unregister") return next({ ...state, hasPeer: false });
  if (!isOpen(state)) return next(state);
  const failures = state.failures + 1;
  if (state.status === "registered" && !isRefusal(error)) {
    // Without any answer the stream breaks too, and a heartbeat follows when it is open again. If the broker only cannot
    // work now, the stream stays, so nothing but another heartbeat finds out when it can.
    const then = noAnswer ? next(state) : wait({ ...state, heartbeatDue: true, failures }, failures);
    return notify(then, { do: "show", broker: "away" });
  }
  return notify(
    wait({ ...state, status: "registering", failures }, state.failures),
    { do: "report", problem: error },
    { do: "show", broker: "away" },
  );
}

const wait = (state: Connection, failures: number): Transition => begin(state, "wait", { do: "wait", failures });

function streamLost(state: Connection, error: CctError): Transition {
  if (!isOpen(state)) return stay(state);
  const status = error.code === "unauthorized" ? "registering" : state.status;
  return notify(wake({ ...state, status }), { do: "report", problem: error }, { do: "show", broker: "away" });
}

function close(state: Connection): Transition {
  if (!isOpen(state)) return stay(state);
  // A heartbeat that is under way comes first: after the unregistration it would make the session live again.
  return notify(wake({ ...state, status: "closing" }), { do: "stop" });
}
