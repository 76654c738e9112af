/** The mail file that the session server offers to hooks: what it contains, and how new mail is merged into it. */
import type { Claim, Urgency } from "./delivery.ts";
import {
  type Audience,
  FRAME_BUDGET,
  type FramedMessage,
  frame,
  framedLength,
  type OversizedMessage,
} from "./framing.ts";
import { BROKER_NAME } from "./names.ts";
import { claimsIn, highestUrgency, type Mode, writeSpool } from "./spoolfile.ts";
import { userLine } from "./userline.ts";

export interface ClaimedMessage extends FramedMessage {
  /** Number of the claim; 0 for a report of this machine, which the broker does not know. */
  attempt: number;
}

export interface MailFile {
  readonly messages: readonly ClaimedMessage[];
  /** Messages that are too long to show: the file only names them. */
  readonly notices: readonly OversizedMessage[];
  /** How many messages wait at the broker besides these. */
  readonly more: number;
}

export const emptyFile: MailFile = { messages: [], notices: [], more: 0 };

export const isEmpty = ({ messages, notices }: MailFile): boolean => messages.length + notices.length === 0;

const isInterrupt = (one: { urgency: Urgency }): boolean => one.urgency === "interrupt";

/** Whether the file contains anything that a busy peer does not want to hear. */
export const hasOrdinaryMail = ({ messages, notices }: MailFile): boolean =>
  [...messages, ...notices].some((one) => !isInterrupt(one));

/** Whether the file is full of messages that an interrupt goes before. */
export const canGiveWay = ({ messages }: MailFile): boolean => messages.length > 0 && !messages.some(isInterrupt);

/** Characters that are left for more messages. */
export function roomIn({ messages }: MailFile): number {
  return Math.max(0, FRAME_BUDGET - messages.reduce((sum, message) => sum + framedLength(message), 0));
}

export const urgencyOf = ({ messages, notices }: MailFile): Urgency =>
  highestUrgency([...messages, ...notices].map((one) => one.urgency));

export const claimsOf = (messages: readonly Claim[]): Claim[] =>
  messages.map(({ message_id, attempt }) => ({ message_id, attempt }));

/** What a rewrite adds to the file. */
export type Addition = Pick<MailFile, "messages" | "notices"> & Partial<MailFile>;

/**
 * The file with `added` in it. A message that is in the file already was claimed again, because its lease expired while
 * the broker was out of reach: it keeps its place and its mark, since nobody has seen it here.
 */
export function merge(file: MailFile, added: Addition): MailFile {
  const present = new Map(file.messages.map((message) => [message.message_id, message.redelivered]));
  const isPresent = ({ message_id }: Claim): boolean => present.has(message_id);
  const claimedAgain = new Set(added.messages.map(({ message_id }) => message_id));
  const messages = added.messages.map((message) => ({
    ...message,
    redelivered: present.get(message.message_id) ?? message.redelivered,
  }));
  const kept = file.messages.filter(({ message_id }) => !claimedAgain.has(message_id));
  return {
    messages: [...messages.filter(isPresent), ...kept, ...messages.filter((one) => !isPresent(one))],
    notices: [...file.notices, ...added.notices],
    more: added.more ?? file.more,
  };
}

/**
 * Whether the file can wait for what belongs to it: CCT itself says all that is in it, and none of it is urgent. A peer
 * that is added to a pool usually gets a message there at once, and votes come in groups.
 */
export const canGather = ({ messages, notices }: MailFile): boolean =>
  messages.length > 0 && [...messages, ...notices].every((one) => one.from === BROKER_NAME && !isInterrupt(one));

/** Whether the file must not wake the session: the broker said that it was woken too often. Interrupts always wake. */
export const mustNotWake = ({ messages }: MailFile, mayWake: boolean): boolean =>
  !mayWake && !messages.some(isInterrupt);

/** What makes a mail file for a session: how its mail is delivered, to whom, and whether the user sees a line of it. */
export interface Rendering {
  mode: Mode;
  audience: Audience;
  tellUser: boolean;
}

/** The content for the spool. `late`: any hook may take it. */
export function render(file: MailFile, late: boolean, nowake: boolean, to: Rendering): string {
  const { messages, notices, more } = file;
  const head = { urgency: urgencyOf(file), mode: to.mode, late, nowake, claims: claimsOf(messages) };
  const line = to.tellUser ? userLine([...messages, ...notices]) : "";
  return writeSpool(head, frame(messages, more, to.audience, notices), line);
}

/** A record of text that the host got as the answer of a tool: what to acknowledge, without the text. */
export function renderShown(messages: readonly ClaimedMessage[], mode: Mode): string {
  const urgency = highestUrgency(messages.map((message) => message.urgency));
  return writeSpool({ urgency, mode, late: false, nowake: false, claims: claimsOf(messages) }, "");
}

/** The broker knows nothing of reports, which have no claim. */
export const atBroker = (claims: readonly Claim[]): Claim[] => claims.filter(({ attempt }) => attempt > 0);

/** Ids of the reports that a mail file contains. */
export const reportsIn = (content: string): string[] =>
  claimsIn(content).flatMap(({ message_id, attempt }) => (attempt === 0 ? [message_id] : []));
