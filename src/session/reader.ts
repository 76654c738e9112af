/** A long message that the model reads page by page. Its claim stays until the host has the last page. */
import { CctError } from "../platform/errors.ts";
import { shortMessageId } from "../rules/address.ts";
import type { Claim } from "../rules/delivery.ts";
import { type ClaimedMessage, claimsOf } from "../rules/mailfile.ts";
import { PAGE_CHARACTERS, pagesOf } from "../rules/pages.ts";

interface Reading {
  message: ClaimedMessage;
  pages: readonly string[];
  /** The page that comes next, from 0. */
  next: number;
  /** In another conversation the model has not seen the pages before. */
  conversation: string | undefined;
  /** What was claimed with it. It comes with the first page. */
  others: readonly ClaimedMessage[];
}

interface Page {
  messages: ClaimedMessage[];
  /** Which page it is, and how to get the next. */
  part: string;
  /** To call once the host has it. Returns the messages that the model has been given to their end. */
  shown(): readonly ClaimedMessage[];
}

export interface Reader {
  isReading(): boolean;
  /** Begins with the long message among these; `false` when there is none. */
  begin(messages: readonly ClaimedMessage[], conversation: string | undefined): boolean;
  /** The page with this number, or the next one. */
  page(number: number | undefined, conversation: string | undefined): Page;
  claims(): Claim[];
  /** Forgets the message: its claim ends with its lease. */
  stop(): void;
}

export function createReader(): Reader {
  let reading: Reading | undefined;
  return {
    isReading: () => reading !== undefined,
    begin(messages, conversation) {
      const message = messages.find(({ text }) => text.length > PAGE_CHARACTERS);
      if (!message) return false;
      const others = messages.filter((one) => one !== message);
      reading = { message, pages: pagesOf(message.text), next: 0, conversation, others };
      return true;
    },
    page(number, conversation) {
      const now = reading;
      if (!now) throw new CctError("bad_request", "No long message is being read.", "Leave out page.");
      if (now.conversation !== conversation) Object.assign(now, { next: 0, conversation });
      const index = number === undefined ? now.next : number - 1;
      const text = now.pages[index];
      if (text === undefined)
        throw new CctError(
          "bad_request",
          `There is no page ${number}: the message has ${now.pages.length}.`,
          "Leave out page for the next one.",
        );
      const { message, pages, others } = now;
      const isLast = index === pages.length - 1;
      const isNext = index === now.next;
      const rest =
        isLast && isNext
          ? "It is the last one."
          : `The message is not read to its end: call cct_check_messages again for page ${Math.max(now.next, isNext ? index + 1 : 0) + 1}.`;
      return {
        messages: [...(index === 0 ? others : []), { ...message, text }],
        part: `Page ${index + 1} of ${pages.length} of message ${shortMessageId(message.message_id)}. ${rest}`,
        shown() {
          if (reading !== now || index !== now.next) return [];
          now.next++;
          const done = index === 0 ? others : [];
          if (index === 0) now.others = [];
          if (!isLast) return done;
          reading = undefined;
          return [...done, message];
        },
      };
    },
    claims: () => (reading ? claimsOf([reading.message, ...reading.others]) : []),
    stop() {
      reading = undefined;
    },
  };
}
