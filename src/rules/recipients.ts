/** Several recipients of one text, each of whom gets a message of its own. */
import { CctError } from "../platform/errors.ts";
import { isUuid } from "./address.ts";

/** A larger group is a pool. */
const MAX_RECIPIENTS = 20;

/**
 * The addresses in `ann, @front`, or in a list of them, each once. Empty if it is neither: then there is nothing to split.
 * Throws `bad_request` for too many.
 */
export function recipientsIn(to: unknown): string[] {
  const parts = typeof to === "string" ? listed(to) : Array.isArray(to) ? to : [];
  if (!parts.every((part) => typeof part === "string")) return [];
  const seen = new Map<string, string>();
  for (const part of parts.map((one) => one.trim()))
    if (part !== "" && !seen.has(part.toLowerCase())) seen.set(part.toLowerCase(), part);
  if (seen.size <= MAX_RECIPIENTS) return [...seen.values()];
  throw new CctError(
    "bad_request",
    `These are ${seen.size} recipients; one call sends to at most ${MAX_RECIPIENTS}.`,
    "Make a pool of them (create_pool, invite_to_pool), and send to @pool.",
  );
}

/** What somebody means by a word that is no address; `undefined` when that is open. */
export function meantBy(word: string): string | undefined {
  const wanted = word.toLowerCase();
  if (["user", "human", "person", "owner"].includes(wanted)) return "The person is 'operator'.";
  return ["all", "everybody", "everyone"].includes(wanted) ? "Everybody is '@all'." : undefined;
}

/** No address has a comma. Some models write the list as JSON. */
function listed(text: string): unknown[] {
  if (text.trim().startsWith("[")) {
    try {
      const parsed: unknown = JSON.parse(text);
      if (Array.isArray(parsed)) return parsed;
    } catch {
      // An address that is wrong: the broker says so.
    }
  }
  return text.split(",");
}

/**
 * The id of the message to the recipient at this place of the list, so that a call with `message_id` can be repeated. After a
 * UUID comes the next UUID, which has a short id too.
 */
export function eachMessageId(messageId: string, index: number): string {
  if (!isUuid(messageId)) return `${messageId}-${index + 1}`;
  const tail = (Number.parseInt(messageId.slice(-8), 16) + index) % 2 ** 32;
  return messageId.slice(0, -8) + tail.toString(16).padStart(8, "0");
}
