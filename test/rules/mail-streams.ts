/** The event streams between the simulated session and its broker, which follows the real rules. */
import { undoClaim } from "../../src/rules/delivery.ts";
import { FRAME_BUDGET } from "../../src/rules/framing.ts";
import type { ClaimAnswer, Event } from "../../src/rules/mailjobs.ts";
import {
  beginStream,
  noStream,
  noteSent,
  type PeerStream,
  type SentClaim,
  type StreamReport,
  settleStreams,
} from "../../src/rules/stream-claims.ts";
import { type Broker, claimAnswer } from "./mail-broker.ts";

interface Channel {
  id: string;
  /** The broker may push on it. */
  hasOpenClaim: boolean;
  /** The session reads it. */
  isRead: boolean;
  /** Answers that the session has not got yet. */
  onTheWay: { number: number; answer: ClaimAnswer }[];
}

export class Streams {
  /** As the broker stores it. */
  known: PeerStream = noStream;
  #channels: Channel[] = [];
  #count = 0;
  readonly #broker: Broker;
  readonly #send: (event: Event) => void;
  readonly #mayUndo: (claim: SentClaim) => void;

  constructor(broker: Broker, send: (event: Event) => void, mayUndo: (claim: SentClaim) => void) {
    this.#broker = broker;
    this.#send = send;
    this.#mayUndo = mayUndo;
  }

  isOpen = (): boolean => this.#channels.some(({ isRead }) => isRead);
  isOnTheWay = (): boolean => this.#channels.some(({ isRead, onTheWay }) => isRead && onTheWay.length > 0);

  open(): void {
    const id = `stream-${this.#count++}`;
    this.lose();
    this.known = beginStream(this.known, id);
    this.#channels.push({ id, hasOpenClaim: false, isRead: true, onTheWay: [] });
    this.#send({ type: "stream", id });
    this.#send({ type: "hint" });
  }

  /** The session reads nothing of it any more. `isNoticed`: by the broker as well. */
  lose(isNoticed = true): void {
    if (isNoticed) this.#channels = [];
    for (const channel of this.#channels) channel.isRead = false;
    this.#send({ type: "stream", id: undefined });
  }

  /** The broker has mail for the peer. */
  publish(): void {
    for (const channel of this.#channels) {
      const mayClaim = channel.hasOpenClaim && channel.id === this.known.id;
      channel.hasOpenClaim = false;
      if (!mayClaim) {
        if (channel.isRead) this.#send({ type: "hint" });
        continue;
      }
      const answer = claimAnswer(this.#broker, FRAME_BUDGET);
      const claims = answer.messages.map(({ message_id, attempt, redelivered }) => ({
        message_id,
        attempt,
        marked: redelivered,
      }));
      if (claims.length > 0) this.known = noteSent(this.known, claims);
      channel.onTheWay.push({ number: this.known.count, answer });
    }
    if (!this.isOpen()) this.#send({ type: "hint" });
  }

  /** The oldest answer that is on its way arrives. */
  deliver(): void {
    const channel = this.#channels.find(({ isRead }) => isRead);
    const next = channel?.onTheWay.shift();
    if (channel && next) this.#send({ type: "claimed", stream: channel.id, ...next });
  }

  settle(reports: readonly StreamReport[]): void {
    const { stream, missed } = settleStreams(this.known, reports);
    this.known = stream;
    for (const claim of missed) {
      this.#mayUndo(claim);
      const mail = this.#broker.broker.get(claim.message_id);
      if (mail) mail.delivery = undoClaim(mail.delivery, claim.attempt, claim.marked) ?? mail.delivery;
    }
  }

  claim(budget: number, reports: readonly StreamReport[]): ClaimAnswer {
    this.settle(reports);
    const answer = claimAnswer(this.#broker, budget);
    const isEmpty = answer.messages.length + answer.too_long.length + answer.remaining === 0;
    const wanted = reports.find(({ open, id }) => open && id === this.known.id)?.id;
    for (const channel of this.#channels) channel.hasOpenClaim ||= isEmpty && channel.id === wanted;
    return answer;
  }
}
