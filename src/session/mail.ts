/**
 * Runs the mail machine (`rules/mailroom.ts`): performs its effects on the spool, the broker and the outbox, and feeds their
 * results back. All decisions are the machine's.
 */
import type { Client } from "../client/client.ts";
import type { StreamData } from "../client/stream.ts";
import type { Credentials } from "../operations/core/identity.ts";
import type { Config } from "../platform/config.ts";
import type { World } from "../platform/world.ts";
import type { Claim } from "../rules/delivery.ts";
import { atBroker, type ClaimedMessage, render, renderShown } from "../rules/mailfile.ts";
import {
  type CheckAnswer,
  type Done,
  type Effect,
  type Event,
  newMailroom,
  type Reply,
  type RequestName,
} from "../rules/mailjobs.ts";
import { step } from "../rules/mailroom.ts";
import { claimsUnderWay } from "../rules/mailstreams.ts";
import { claimsIn } from "../rules/spoolfile.ts";
import type { StreamReport } from "../rules/stream-claims.ts";
import type { AudienceNow } from "./audience.ts";
import type { Outbox } from "./outbox.ts";
import { createReader } from "./reader.ts";
import type { Spool } from "./spool.ts";

/** Messages in one claim, at most. */
const CLAIM_LIMIT = 100;

export interface Checked {
  mail: CheckAnswer;
  /** Which page of a long message it is, if it is one. */
  part?: string;
  shown(): void;
}

export interface Mail {
  /** There may be mail at the broker, so the next `run` claims it. */
  hint(): void;
  /** What came over the event stream besides a hint. Returns whether there may be more mail at the broker. */
  heard(data: StreamData): boolean;
  /** No event stream is open. */
  streamClosed(): void;
  /** The streams that were closed, for a broker that the session leaves. */
  closedStreams(): StreamReport[];
  /** Settles what hooks did, then claims and spools what waits. Throws when the broker cannot be reached. */
  run(): Promise<void>;
  /** At the start, as a known peer: returns the mail that an earlier session server left in the spool. */
  recover(): Promise<void>;
  /** Why mail cannot be written into the spool now: a code such as `ENOSPC`. Then it waits at the broker, or for a check. */
  trouble(): string | undefined;
  /** Another file of the session could not be written. */
  failed(error: unknown): void;
  /**
   * Claims what waits for a tool's answer; of a long message one page, and then, call by call, the next. Call `shown` once
   * the host has the answer.
   */
  check(limit: number | undefined, page: number | undefined): Promise<Checked>;
  /** The claims on mail in the spool or on its way there, whose leases heartbeats renew. */
  claims(): Claim[];
  /** Messages that nobody was shown yet: in the mail file, and at the broker when it was last asked. */
  unread(): number;
  /** The host called another tool, so the model has read what it got before. Matters only where no hooks run. */
  toolCalled(): void;
  /** To call regularly: offers mail again that no hook takes. */
  tick(): void;
  /** Stops being `former`: empties the spool and acknowledges each claim. */
  leave(former: Credentials): Promise<void>;
  /** Continues with the spool as another peer, because the broker has forgotten the former one. */
  resume(): Promise<void>;
  /** Starts as a new peer with an empty spool. */
  clear(): Promise<void>;
}

/** `peer` returns the credentials of the present peer, and throws when there is none. */
export function createMail(
  spool: Spool,
  client: Client,
  peer: () => Credentials,
  outbox: Outbox,
  world: Pick<World, "steady" | "ppid">,
  config: Pick<Config, "delivery" | "mail_line">,
  audience: AudienceNow,
): Mail {
  let state = newMailroom;
  let jobs = 0;
  const { delivery: mode } = config;
  const tellUser = config.mail_line === "on";
  let former: Credentials | undefined;
  const reader = createReader();
  const callers = new Map<number, (reply: Reply) => void>();

  function dispatch(event: Event): void {
    const { state: next, effect, replies } = step(state, event, world.steady());
    state = next;
    for (const reply of replies) {
      callers.get(reply.id)?.(reply);
      callers.delete(reply.id);
    }
    if (effect) void perform(effect).then(dispatch, (error: unknown) => dispatch({ type: "failed", error }));
  }

  async function perform(effect: Effect): Promise<Done> {
    switch (effect.do) {
      case "look": {
        spool.refresh();
        // The mail file first: if a hook takes it in between, it is in the list.
        const mail = spool.peek() !== undefined;
        return { type: "done", effect: effect.do, value: { mail, files: spool.files() } };
      }
      case "take back":
        return { type: "done", effect: effect.do, value: spool.takeBack() };
      case "put":
        spool.put(render(effect.file, effect.late, effect.nowake, { mode, tellUser, audience: audience.look() }));
        return { type: "done", effect: effect.do, value: undefined };
      case "probe":
        spool.probe();
        return { type: "done", effect: effect.do, value: undefined };
      case "withdraw":
        return { type: "done", effect: effect.do, value: spool.withdraw(effect.file) };
      case "remove":
        if (effect.reports.length > 0) outbox.removeReports(effect.reports);
        spool.remove(effect.file);
        return { type: "done", effect: effect.do, value: undefined };
      case "list reports": {
        const value = { reports: outbox.reports(), taken: spool.files().flatMap(({ content }) => claimsIn(content)) };
        return { type: "done", effect: effect.do, value };
      }
      case "claim": {
        const { budget, streams } = effect;
        const value = await client.call(
          "claim_messages",
          { limit: CLAIM_LIMIT, budget, streams: [...streams] },
          peer(),
        );
        return { type: "done", effect: effect.do, value };
      }
      case "recall": {
        const { stream } = effect;
        const { answers } = await client.call("claim_messages", { limit: 1, budget: 0, streams: [stream] }, peer());
        return { type: "done", effect: effect.do, value: answers ?? stream.received };
      }
      case "check": {
        const { limit } = effect;
        const value = await client.call("check_messages", limit === undefined ? {} : { limit }, peer());
        return { type: "done", effect: effect.do, value };
      }
      case "acknowledge": {
        const { claims, outcome, shown } = effect.ack;
        if (shown) audience.shown();
        const acks = claims.map((claim) => ({ ...claim, outcome }));
        await client.call(
          "ack_messages",
          { acks, ...shown, host_pid: world.ppid },
          (effect.former && former) || peer(),
        );
        return { type: "done", effect: effect.do, value: undefined };
      }
    }
  }

  function request(name: RequestName, limit?: number): Promise<CheckAnswer | undefined> {
    const id = jobs++;
    return new Promise((resolve, reject) => {
      callers.set(id, ({ answer, error }) => (error === undefined ? resolve(answer) : reject(error)));
      dispatch({ type: "request", job: { name, id, limit } });
    });
  }
  const run = async (name: RequestName): Promise<void> => void (await request(name));

  function addShown(messages: readonly ClaimedMessage[]): void {
    if (messages.length > 0) spool.addShown(renderShown(messages, mode));
  }

  const inMailFile = (): Claim[] => claimsIn(spool.peek() ?? "");

  return {
    hint: () => dispatch({ type: "hint" }),
    heard(data) {
      if ("messages" in data) {
        const { stream, number, ...answer } = data;
        dispatch({ type: "claimed", stream, number, answer });
        return false;
      }
      if (data.stream !== undefined) dispatch({ type: "stream", id: data.stream });
      return true;
    },
    streamClosed: () => dispatch({ type: "stream", id: undefined }),
    closedStreams: () => [...state.closed],
    run: () => run("run"),
    recover: () => run("recover"),
    trouble: () => state.trouble?.code,
    failed: (error) => dispatch({ type: "trouble", error }),
    async check(limit, page) {
      if (!reader.isReading() && page === undefined) {
        const mail = (await request("check", limit)) ?? { messages: [], remaining: 0 };
        const isLong = reader.begin(mail.messages, spool.sessionId());
        if (!isLong) return { mail, shown: () => addShown(mail.messages) };
      }
      const { messages, part, shown } = reader.page(page, spool.sessionId());
      return { mail: { messages, remaining: state.broker.waiting }, part, shown: () => addShown(shown()) };
    },
    // From the files: at the start they may be an earlier session server's.
    claims: () =>
      atBroker([
        ...inMailFile(),
        ...reader.claims(),
        ...spool.files().flatMap(({ content }) => claimsIn(content)),
        ...claimsUnderWay(state),
      ]),
    unread: () => inMailFile().length + reader.claims().length + state.broker.waiting,
    toolCalled() {
      // Hooks know better: the tools of one batch run in parallel.
      if (spool.state() !== undefined) return;
      for (const file of spool.files()) if (file.stage === "done") spool.setStage(file, "read");
    },
    tick: () => dispatch({ type: "request", job: { name: "tick", ended: spool.state() === "ended" } }),
    leave(as) {
      former = as;
      reader.stop();
      return run("leave");
    },
    resume() {
      reader.stop();
      return run("resume");
    },
    clear() {
      reader.stop();
      return run("clear");
    },
  };
}
