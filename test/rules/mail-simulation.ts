/**
 * Simulates what surrounds the mail machine: a broker with the real rules of deliveries, a spool with hooks, an outbox, a clock.
 * Effects take time, so anything may happen between an effect and its result. Each may fail, before or after it worked.
 */

import { CctError } from "../../src/platform/errors.ts";
import {
  acknowledge,
  type Claim,
  lapse,
  newDelivery,
  type Outcome,
  renew,
  requeueUnread,
  type Urgency,
} from "../../src/rules/delivery.ts";
import { type ClaimedMessage, type MailFile, render, renderShown } from "../../src/rules/mailfile.ts";
import {
  type CheckAnswer,
  type Done,
  type Effect,
  type Event,
  newMailroom,
  type RequestName,
} from "../../src/rules/mailjobs.ts";
import { step } from "../../src/rules/mailroom.ts";
import { claimsIn, readSpoolHead, type Stage, type TakenFile } from "../../src/rules/spoolfile.ts";
import { noStream } from "../../src/rules/stream-claims.ts";
import { instructed } from "../support/hostile.ts";
import { claimFrom, type Mail, queuedAt } from "./mail-broker.ts";
import { Streams } from "./mail-streams.ts";

export type Fault = "none" | "before" | "after";

export class Simulation {
  now = 1_000_000;
  state = newMailroom;
  effect: Effect | undefined;
  broker = new Map<string, Mail>();
  isBusy = false;
  /** Whether it becomes the peer again that it leaves. */
  comesBack = true;
  mayWake = true;
  mail: string | undefined;
  files: TakenFile[] = [];
  reports = new Map<string, ClaimedMessage>();
  /** How each message was marked each time a model saw it. */
  shown = new Map<string, boolean[]>();
  /** Answers of checks that the host has not got yet. */
  answers: CheckAnswer[] = [];
  streams = new Streams(
    this,
    (event) => this.#dispatch(event),
    ({ message_id, attempt }) => {
      const isHere = this.claims().some((one) => one.message_id === message_id && one.attempt === attempt);
      if (isHere || this.#seen.has(`${message_id}:${attempt}`)) throw new Error("what came was taken for missed");
    },
  );
  /** The claims of all that a model saw. */
  #seen = new Set<string>();
  /** What the broker heard of each claim. */
  outcomes = new Map<string, Outcome[]>();
  /** Marks of what each file contains, by its content. */
  #marks = new Map<string, readonly ClaimedMessage[]>();
  #jobs = new Map<number, RequestName>();
  /** No write into the spool works. */
  isDiskFull = false;
  #ids = 0;
  /** Batches of hooks that have not printed yet. */
  #slow = new Set<string>();

  send(urgency: Urgency, length: number): void {
    const message_id = `message-${String(this.#ids++).padStart(4, "0")}`;
    const message = {
      message_id,
      from: "a".repeat(32),
      from_name: "ann",
      to: "ben",
      urgency,
      text: "x".repeat(length),
      sent_at: this.now,
    };
    this.broker.set(message_id, { message, delivery: newDelivery(null) });
  }

  report(): void {
    const message_id = `report-${String(this.#ids++).padStart(4, "0")}`;
    const message = {
      message_id,
      from: "cct",
      from_name: "cct",
      to: "",
      urgency: "normal" as const,
      text: "not sent",
      sent_at: this.now,
    };
    this.reports.set(message_id, { ...message, redelivered: false, attempt: 0 });
  }

  request(name: RequestName): void {
    const id = this.#ids++;
    this.#jobs.set(id, name);
    this.#dispatch({ type: "request", job: { name, id } });
  }

  /** The connection changes the peer in one step after the other, so none begins while another is under way. */
  changePeer(name: "leave" | "resume"): void {
    const isChanging = [...this.#jobs.values()].some((job) => job !== "run" && job !== "check");
    if (!isChanging) this.request(name);
  }

  hint = (): void => this.streams.publish();
  tick = (): void => this.#dispatch({ type: "request", job: { name: "tick", ended: false } });

  /** As when the session server registers, or its connection broke. */
  openStream(): void {
    if (this.state.open) this.streams.open();
    if (this.state.open) this.request("run");
  }

  /** The effect that is under way works, or fails before or after it did. */
  perform(fault: Fault): void {
    const { effect } = this;
    if (!effect) return;
    this.effect = undefined;
    const error = new CctError("unavailable", "a fault", "");
    // The spool's steps are atomic; an answer of the broker may get lost.
    const isRemote = ["claim", "recall", "check", "acknowledge"].includes(effect.do);
    if (this.isDiskFull && ["put", "probe"].includes(effect.do)) {
      const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      this.#dispatch({ type: "failed", error: full });
      return;
    }
    const done = fault === "before" || (fault === "after" && !isRemote) ? undefined : this.#result(effect);
    this.#dispatch(done && fault !== "after" ? done : { type: "failed", error });
  }

  /** The session server is killed, and another one starts. */
  restart(): void {
    if (!this.state.open) this.#registerAgain();
    this.streams.lose();
    this.streams.known = noStream;
    this.effect = undefined;
    this.state = newMailroom;
    this.answers = [];
    this.#jobs.clear();
    this.request("recover");
  }

  /** The host has an answer long before. */
  pass(ms: number): void {
    this.answer();
    this.now += ms;
    for (const mail of this.broker.values()) mail.delivery = lapse(mail.delivery, this.now) ?? mail.delivery;
  }

  heartbeat(): void {
    for (const { message_id, attempt } of this.claims()) {
      const mail = this.broker.get(message_id);
      if (mail) mail.delivery = renew(mail.delivery, attempt, this.now) ?? mail.delivery;
    }
  }

  /** The claims in the spool. */
  claims = (): Claim[] => [...claimsIn(this.mail ?? ""), ...this.files.flatMap(({ content }) => claimsIn(content))];

  /** A hook takes the mail and prints it. `dies`: before it could say so. */
  take(event: string, dies: boolean): void {
    if (this.mail === undefined) return;
    const file = { stage: "taken" as const, batch: `${event}-1-${this.#ids++}`, content: this.mail, since: this.now };
    this.mail = undefined;
    this.#show(file.content);
    this.files.push({ ...file, stage: dies ? "taken" : "done" });
  }

  /** A hook takes the mail, and does not print yet. */
  takeSlowly(): void {
    if (this.mail === undefined) return;
    const batch = `PreToolUse-1-${this.#ids++}`;
    this.files.push({ stage: "taken", batch, content: this.mail, since: this.now });
    this.#slow.add(batch);
    this.mail = undefined;
  }

  /** It prints, unless the file was taken from it meanwhile. */
  printSlowly(): void {
    const file = this.files.find(({ batch, stage }) => stage === "taken" && this.#slow.has(batch));
    if (!file) return;
    this.#show(file.content);
    file.stage = "done";
  }

  /** A later hook proves that the model has the text, or has read it. */
  move(from: Stage, to: Stage): void {
    for (const file of this.files) if (file.stage === from) file.stage = to;
  }

  /** The host gets the answers to checks. */
  answer(): void {
    for (const { messages } of this.answers.splice(0)) {
      if (messages.length === 0) continue;
      const content = renderShown(messages, "inject");
      this.#marks.set(content, messages);
      this.#show(content);
      this.files.push({ stage: "done", batch: `check-1-${this.#ids++}`, content, since: this.now });
    }
  }

  unread = (): string[] => [...this.broker].filter(([, { delivery }]) => delivery.state !== "read").map(([id]) => id);

  /** Whether all mail was read, and nothing is left to do. */
  isQuiet = (): boolean =>
    this.unread().length + this.files.length + this.reports.size === 0 && this.mail === undefined;

  #dispatch(event: Event): void {
    const { state, effect, replies } = step(this.state, event, this.now);
    if (effect && this.effect) throw new Error(`two effects at once: ${this.effect.do}, ${effect.do}`);
    this.state = state;
    this.effect = effect ?? this.effect;
    let next: RequestName | undefined;
    let isNew = false;
    for (const { id, answer, error } of replies) {
      const name = this.#jobs.get(id);
      if (!this.#jobs.delete(id)) throw new Error("a reply to nobody, or a second one");
      // As the connection does it.
      if (name === "leave") next = error ? "leave" : "recover";
      if (name === "leave" && !error) {
        this.streams.settle(this.state.closed);
        this.#registerAgain();
      }
      if (name === "resume") this.streams.known = noStream;
      // It listens anew, as the peer that it is now.
      isNew ||= name === "recover" || name === "resume";
      if (answer) this.answers.push(answer);
    }
    if (!state.job && this.#jobs.size > 0) throw new Error("a caller waits for a job that has ended");
    if (isNew && this.streams.isOpen()) this.openStream();
    if (next && (next !== "recover" || this.comesBack)) this.request(next);
  }

  /** The broker: what the model was not seen to read in its former conversation comes again. */
  #registerAgain(): void {
    this.streams.known = noStream;
    for (const mail of this.broker.values()) mail.delivery = requeueUnread(mail.delivery) ?? mail.delivery;
  }

  #show(content: string): void {
    for (const { message_id, attempt, redelivered } of this.#marks.get(content) ?? []) {
      this.#seen.add(`${message_id}:${attempt}`);
      this.shown.set(message_id, [...(this.shown.get(message_id) ?? []), redelivered]);
    }
  }

  #result(effect: Effect): Done {
    switch (effect.do) {
      case "look":
        return {
          type: "done",
          effect: "look",
          value: { mail: this.mail !== undefined, files: this.files.map((file) => ({ ...file })) },
        };
      case "take back": {
        const { mail } = this;
        this.mail = undefined;
        return { type: "done", effect: "take back", value: mail };
      }
      case "probe":
        return { type: "done", effect: "probe", value: undefined };
      case "put":
        return this.#put(effect.file, effect.late, effect.nowake);
      case "withdraw": {
        const file = this.files.find(({ batch, stage }) => batch === effect.file.batch && stage === "taken");
        if (file) this.files.splice(this.files.indexOf(file), 1);
        return { type: "done", effect: "withdraw", value: file !== undefined };
      }
      case "remove":
        for (const id of effect.reports) this.reports.delete(id);
        this.files = this.files.filter(
          ({ batch, stage }) => batch !== effect.file.batch || stage !== effect.file.stage,
        );
        return { type: "done", effect: "remove", value: undefined };
      case "list reports":
        return {
          type: "done",
          effect: "list reports",
          value: { reports: [...this.reports.values()], taken: this.files.flatMap(({ content }) => claimsIn(content)) },
        };
      case "claim":
        return { type: "done", effect: "claim", value: this.streams.claim(effect.budget, effect.streams) };
      case "recall":
        this.streams.settle([effect.stream]);
        return { type: "done", effect: "recall", value: this.streams.known.count };
      case "check": {
        const messages = claimFrom(this, queuedAt(this, "all").slice(0, effect.limit ?? 20));
        return { type: "done", effect: "check", value: { messages, remaining: queuedAt(this, "all").length } };
      }
      case "acknowledge":
        for (const { message_id, attempt } of effect.ack.claims)
          this.#acknowledge(message_id, attempt, effect.ack.outcome);
        return { type: "done", effect: "acknowledge", value: undefined };
    }
  }

  #put(file: MailFile, late: boolean, nowake: boolean): Done {
    if (this.mail !== undefined) throw new Error("mail that is in place would be overwritten");
    this.mail = render(file, late, nowake, { mode: "inject", audience: instructed, tellUser: true });
    if (readSpoolHead(this.mail)?.claims.length !== file.messages.length) throw new Error("not a mail file");
    this.#marks.set(this.mail, file.messages);
    return { type: "done", effect: "put", value: undefined };
  }

  #acknowledge(id: string, attempt: number, outcome: Outcome): void {
    const mail = this.broker.get(id);
    if (!mail || attempt < 1) throw new Error(`an acknowledgement of what is no claim: ${id}`);
    const key = `${id}:${attempt}`;
    this.outcomes.set(key, [...(this.outcomes.get(key) ?? []), outcome]);
    mail.delivery = acknowledge(mail.delivery, attempt, outcome, this.now) ?? mail.delivery;
  }
}
