/** A message that somebody sends: the same one for as long as nothing in it changes. */
import type { Urgency } from "../delivery.ts";

export interface Outgoing {
  to: string;
  text: string;
  urgency: Urgency;
  reply_to?: string;
}

/** What was tried to be sent, and its id. */
export interface Attempt {
  content: string;
  message_id: string;
}

const contentOf = ({ to, text, urgency, reply_to }: Outgoing): string => JSON.stringify([to, text, urgency, reply_to]);

/**
 * The attempt to send this. The same message keeps its id, so that after a lost answer a second try sends nothing twice; another
 * text is another message, which the broker would refuse under that id.
 */
export function attemptOf(last: Attempt | undefined, outgoing: Outgoing, newId: () => string): Attempt {
  const content = contentOf(outgoing);
  return last?.content === content ? last : { content, message_id: newId() };
}

/** Whether this is what was tried to be sent. */
export const isTried = ({ content }: Attempt, outgoing: Outgoing): boolean => content === contentOf(outgoing);
