/** What the user sees in the terminal of mail for their session: one line. The model gets the frame. */
import { BROKER_NAME, MAX_HOST, OPERATOR_NAME } from "./names.ts";
import { oneLine } from "./text.ts";

/** Leaves room for the host's own label in a terminal of 100 columns. */
const MAX_COLUMNS = 76;
const MAX_SENDER = 40;

/** A message, or one that is too long to show, of which only the sender is known. */
interface Shown {
  from: string;
  from_name: string;
  from_address?: string | undefined;
  text?: string;
  characters?: number;
}

/** `CCT mail from shop: which port do you… (2 more)`; empty without messages. */
export function userLine(messages: readonly Shown[]): string {
  const [first] = messages;
  if (!first) return "";
  const more = messages.length > 1 ? ` (${messages.length - 1} more)` : "";
  const start = `${first.from === BROKER_NAME ? "CCT reports" : `CCT mail from ${senderOf(first)}`}: `;
  const text = first.text ?? `a message of ${first.characters} characters`;
  return start + cut(oneLine(text.slice(0, 1_000), 500), MAX_COLUMNS - columnsOf(start) - more.length) + more;
}

function senderOf({ from, from_name, from_address }: Shown): string {
  if (from === OPERATOR_NAME) return OPERATOR_NAME;
  return cut(oneLine(from_address ?? from_name, MAX_SENDER + MAX_HOST), MAX_SENDER);
}

/** Characters that a terminal may show in two columns: all that are not in an alphabet, and no punctuation or arrow. */
const WIDE = /[\u1100-\u1fff\u2300-\u{10ffff}]/u;

const columnsOf = (text: string): number => [...text].reduce((sum, one) => sum + (WIDE.test(one) ? 2 : 1), 0);

/** Cuts a line to `columns`, with an ellipsis. */
function cut(line: string, columns: number): string {
  if (columnsOf(line) <= columns) return line;
  let kept = "";
  let used = 1;
  for (const one of line) {
    used += columnsOf(one);
    if (used > columns) break;
    kept += one;
  }
  return `${kept.trimEnd()}…`;
}
