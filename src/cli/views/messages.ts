/** Messages and their deliveries. */
import type { OutputOf } from "../../operations/index.ts";
import { shortMessageId } from "../../rules/address.ts";
import { type DeliveryState, hasFailed } from "../../rules/delivery.ts";
import { grouped } from "../../rules/grouped.ts";
import { oneLine, stripInvisible } from "../../rules/text.ts";
import { ago, paint, type Screen } from "../parts/output.ts";
import { type Cell, table, wrap } from "../parts/table.ts";

export function sent({ message_id, recipients, understood, kept }: OutputOf<"send_message">, screen: Screen): string {
  const lines =
    kept === undefined
      ? recipients.map(({ state, address, name, note }) => `${state} for ${address ?? name}${note ? `: ${note}` : ""}`)
      : [kept];
  if (understood !== undefined) lines.push(understood);
  return [...lines.map((line) => wrap(screen, oneLine(line, 1000))), `message ${shortMessageId(message_id)}`, ""].join(
    "\n",
  );
}

interface States {
  state: DeliveryState;
  recipients: number;
}

const eachState = (all: readonly { state: DeliveryState }[]): States[] =>
  [...grouped(all, ({ state }) => state)].map(([state, some]) => ({ state, recipients: some.length }));

/** What ended unread is red, what a policy holds yellow. */
function statesCell(all: readonly States[]): Cell {
  const text = all.map(({ state, recipients }) => (recipients === 1 ? state : `${recipients} ${state}`)).join(", ");
  const isHeld = all.some(({ state }) => state === "held");
  return { text, style: all.some(hasFailed) ? "red" : isHeld ? "yellow" : undefined };
}

export function history({ messages, next }: OutputOf<"messages">, screen: Screen, now: number): string {
  if (messages.length === 0) return "No messages.\n";
  const ids = messages.map((message) => message.message_id);
  const rows = messages.map((message) => [
    message.from_address ?? message.from_name,
    recipientOf(message),
    statesCell(message.states ?? eachState(message.recipients)),
    ago(message.sent_at, now),
    shortMessageId(message.message_id, ids),
    message.characters === undefined ? message.text : `${message.text}…`,
  ]);
  return table(screen, COLUMNS, rows) + moreLine(messages, next);
}

/** A message as `cct tail` shows it: on one line, unless it has several. */
export function tailLine(message: OutputOf<"messages">["messages"][number], screen: Screen): string {
  const who = `${oneLine(message.from_address ?? message.from_name, 80)} → ${oneLine(recipientOf(message), 80)}`;
  const clock = new Date(message.sent_at).toTimeString().slice(0, 8);
  const more = message.characters === undefined ? "" : "…";
  const [first = "", ...others] = stripInvisible(message.text).trimEnd().split("\n");
  const urgent = message.urgency === "interrupt" ? " urgent" : "";
  const head = paint(screen, "bold", `${clock} ${who}${urgent}`);
  // Indented, so that no text looks like another message.
  return `${head}  ${[first, ...others.map((line) => `    ${line}`)].join("\n")}${more}\n`;
}

/** Results of a search. The words are in brackets, which needs no colour. */
export function found({ messages, next, indexed_since }: OutputOf<"search">, screen: Screen, now: number): string {
  const ids = messages.map((message) => message.message_id);
  const rows = messages.map((message) => [
    message.from_address ?? message.from_name,
    message.to_name ?? shortTo(message.to),
    statesCell(message.states),
    ago(message.sent_at, now),
    shortMessageId(message.message_id, ids),
    withBrackets(message.snippet, message.hits),
  ]);
  const until = indexed_since === undefined ? "" : `Older than ${ago(indexed_since, now)}: not searched yet.\n`;
  if (rows.length === 0)
    return `${next === undefined ? "Nothing was found." : `Nothing yet: --before ${next}`}\n${until}`;
  return table(screen, COLUMNS, rows) + (next === undefined ? "" : `Older ones, if any: --before ${next}\n`) + until;
}

/** From the end, so that the places before stay true. */
const withBrackets = (text: string, hits: readonly number[][]): string =>
  hits.toReversed().reduce((marked, [from = 0, to = 0]) => {
    return `${marked.slice(0, from)}[${marked.slice(from, to)}]${marked.slice(to)}`;
  }, text);

/** An id as short as other tables show it. */
const shortTo = (to: string): string => to.replace(/^([0-9a-f]{4})[0-9a-f]{28}$/, "$1");

function moreLine(messages: readonly { seq: number }[], next: number | undefined): string {
  const [first] = messages;
  const last = messages.at(-1);
  const isOldestFirst = first && last && first.seq < last.seq;
  if (isOldestFirst) return next === undefined ? "" : `Newer ones, if any: --after ${next}\n`;
  return next === undefined ? "" : `Older ones, if any: cct messages --before ${next}\n`;
}

/** Whom it went to; the sender may have typed an id, or `@bob` for bob. */
function recipientOf({ to, recipients: [only, ...others] }: OutputOf<"messages">["messages"][number]): string {
  const isPeers =
    only && others.length === 0 && (!to.startsWith("@") || `@${only.name}`.toLowerCase() === to.toLowerCase());
  return isPeers ? (only.address ?? only.name) : shortTo(to);
}

const COLUMNS = [
  { heading: "FROM", least: 10, keepBoth: true },
  { heading: "TO", least: 8, keepBoth: true, optional: 1 },
  { heading: "STATE", least: 9 },
  { heading: "SENT", optional: 2 },
  "ID",
  { heading: "TEXT", least: 16 },
];

export function recipients(
  { recipients }: OutputOf<"message_status" | "resend_message">,
  screen: Screen,
  now: number,
): string {
  const rows = recipients.map((recipient) => [
    recipient.address ?? recipient.name,
    statesCell([{ state: recipient.state, recipients: 1 }]),
    String(recipient.attempts),
    recipient.redelivered ? "yes" : "",
    recipient.delivered_at === null ? "" : ago(recipient.delivered_at, now),
    recipient.read_at === null ? "" : ago(recipient.read_at, now),
    recipient.reason ?? "",
  ]);
  const columns = [
    { heading: "TO", least: 10, keepBoth: true },
    "STATE",
    { heading: "ATTEMPTS", optional: 2 },
    { heading: "REDELIVERED", optional: 1 },
    "DELIVERED",
    "READ",
    { heading: "WHY", least: 16 },
  ];
  return table(screen, columns, rows);
}
