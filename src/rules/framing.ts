/**
 * Renders mail for a model, as a defence against prompt injection. A peer's words must not pass for words of the user, the
 * host or the frame. So every line of a body is quoted with `| `, which keeps a body from closing its frame; header lines
 * consist of checked parts; invisible and control characters are removed; nothing can look like a tag of the host.
 *
 *     CCT mail · web (7c31) · id 01a21479
 *     | the body
 *     (answer: cct_send_message to="web" reply_to="01a21479")
 */
import { shortId, shortMessageId } from "./address.ts";
import { countText } from "./counted.ts";
import type { Urgency } from "./delivery.ts";
import { BROKER_NAME, isPerson, MAX_HOST, OPERATOR_NAME } from "./names.ts";
import { oneLine, stripInvisible } from "./text.ts";
import { AGAIN, ASK_FIRST, moreMail, NO_ANSWER, TAGS_REPLACED, tooLong, WITHOUT_INSTRUCTIONS } from "./texts/frames.ts";
import type { Self } from "./texts/instructions.ts";

/** Maximum length of a frame. The host truncates hook text at 10,000 characters; the rest is for its own label. */
export const FRAME_LIMIT = 9_000;
/** Maximum number of oversized messages that a frame names; it only counts the others. */
export const MAX_NOTICES = 3;
/** `name@host`. */
const MAX_SENDER = 40 + 1 + MAX_HOST;
/** Reserved for the first and last line of a frame and for notices. */
const FRAME_MARGIN = 1_400;
/** Maximum total length of the messages in a frame. */
export const FRAME_BUDGET = FRAME_LIMIT - FRAME_MARGIN;

/** For whom a frame is: what the conversation has been told already, and how its user wants requests to be treated. */
export interface Audience {
  /** The instructions stand in it; otherwise the frame says the most important of them. */
  instructed: boolean;
  /** The session, when it has not been told its name. */
  unnamed?: Self | undefined;
  /** Whether its model asks its user before it does what this message wants. */
  asksAbout(message: FramedMessage): boolean;
  /** Milliseconds since 1970. */
  now: number;
}

/** Such a message says when it was written; others have just come. */
const OLD_MS = 5 * 60_000;

export interface FramedMessage {
  message_id: string;
  /** `peer_id`, `operator`, or `cct` for the broker itself. */
  from: string;
  from_name: string;
  /** The sender's address as seen by the recipient: `name@host` if it is on another machine. */
  from_address?: string | undefined;
  /** The address as the sender wrote it. */
  to: string;
  /** The name of the pool it was sent in. */
  pool?: string | undefined;
  urgency: Urgency;
  text: string;
  /** Milliseconds since 1970. */
  sent_at: number;
  thread_id?: string | undefined;
  reply_to?: string | undefined;
  redelivered: boolean;
  /** Its sender's machine has a token of its own, so it may be another person's. */
  other_device?: boolean | undefined;
}

/** A message too long for any frame: a notice shows its sender, its id and how it begins. */
export interface OversizedMessage {
  message_id: string;
  from: string;
  from_name: string;
  from_address?: string | undefined;
  urgency: Urgency;
  characters: number;
  /** As `beginningOf` makes it. */
  beginning?: string | undefined;
}

/** So much of a long message says what it is about. */
const BEGINNING_LINES = 3;
const BEGINNING_CHARACTERS = 240;

/** The first lines of a text. */
export function beginningOf(text: string): string {
  // What is taken away counts, too, but not all of a long text needs to be looked at.
  const start = stripInvisible(text.slice(0, 4 * BEGINNING_CHARACTERS))
    .trim()
    .slice(0, BEGINNING_CHARACTERS);
  return start.split("\n").slice(0, BEGINNING_LINES).join("\n").toWellFormed();
}

/**
 * A `<` that could begin a tag: before a word, also after a slash or spaces, and before `|` (a model's own control tokens).
 * The host's tags change with its versions, so their names are no criterion.
 */
const TAG = /<(?=[\s/]*[\p{L}_!?|\uff5c])/gu;
/** Stands for such a `<`. One character wide, so quoted code keeps its form. */
const DEFUSED = "\u2039";

/** Removes invisible characters, and writes `‹` for each `<` that could begin a tag. */
export function sanitize(text: string): string {
  return stripInvisible(text).replace(TAG, DEFUSED);
}

/** Whether `sanitize` replaces something in these texts, which a reader has to know. */
export const hasTags = (texts: readonly string[]): boolean =>
  texts.some((text) => sanitize(text) !== stripInvisible(text));

/** Sanitizes a body and quotes every line. */
export function quoteLines(body: string): string {
  return sanitize(body)
    .split("\n")
    .map((line) => (line === "" ? "|" : `| ${line}`))
    .join("\n");
}

interface From {
  from: string;
  from_name: string;
  from_address?: string | undefined;
}

const isReport = ({ from }: From): boolean => from === BROKER_NAME;

/** The sender in an answer's `to`. */
const answerTo = ({ from, from_name, from_address }: From): string =>
  from === OPERATOR_NAME ? OPERATOR_NAME : oneLine(sanitize(from_address ?? from_name), MAX_SENDER);

/** Only the broker gives these names, and no peer can have one. */
const isPersons = ({ from, from_name }: From): boolean => from === OPERATOR_NAME || isPerson(from_name);

/** How a message begins: by whom it is. A person is not another session. */
function sender(message: From): string {
  if (isPersons(message)) return `${answerTo(message)} (a person)`;
  return `${answerTo(message)} (${shortId(message.from)})`;
}

interface Marks {
  /** Such as `1/2`, when there are several. */
  place: string;
  id: string;
  asks: boolean;
  dated: boolean;
}

function headLine(message: From & Partial<FramedMessage>, { place, id, asks, dated }: Marks): string {
  const { pool, to = "", urgency = "normal", sent_at = 0, reply_to, redelivered } = message;
  return [
    `CCT ${isReport(message) ? "notice" : "mail"}${place && ` ${place}`}`,
    ...(isReport(message) ? [] : [sender(message)]),
    ...(pool === undefined ? [] : [`to ${oneLine(sanitize(to), 90).replaceAll(" ", "")}`]),
    ...(urgency === "normal" ? [] : [urgency]),
    // Nobody answers a notice.
    ...(isReport(message) ? [] : [`id ${id}`]),
    ...(reply_to ? [`re ${shortMessageId(reply_to)}`] : []),
    ...(dated ? [`${new Date(sent_at).toISOString().slice(0, 16)}Z`] : []),
    ...(asks ? [ASK_FIRST] : []),
    ...(redelivered ? [AGAIN] : []),
  ].join(" · ");
}

const renderMessage = (message: FramedMessage, marks: Marks): string =>
  `${headLine(message, marks)}\n${quoteLines(message.text)}`;

/** A low-urgency report of the broker. They are short and often come in a row, so a frame merges them. */
const isMinor = (message: FramedMessage): boolean => isReport(message) && message.urgency === "low";

/** Merges adjacent reports about the same pool into one entry, one line each. */
function entries(messages: readonly FramedMessage[]): FramedMessage[] {
  const all: FramedMessage[] = [];
  for (const message of messages) {
    const last = all.at(-1);
    if (last && isMinor(last) && isMinor(message) && last.pool === message.pool) {
      all[all.length - 1] = {
        ...last,
        text: `${last.text}\n${message.text}`,
        redelivered: last.redelivered || message.redelivered,
      };
    } else all.push(message);
  }
  return all;
}

/** The length of a message in a frame. An upper bound: with all marks that it may get. */
export function framedLength(message: FramedMessage): number {
  return renderMessage(message, { place: "999/999", id: message.message_id, asks: true, dated: true }).length + 2;
}

/** The words of the last line that tell how to answer. With several messages, what stands in the head of each. */
function howToAnswer(
  all: readonly (From & { message_id: string; pool?: string | undefined })[],
  ids: string[],
): string {
  const answerable = all.filter((one) => !isReport(one));
  const [first] = answerable;
  if (!first) return NO_ANSWER;
  const names = new Set(answerable.map(answerTo));
  const pools = new Set(answerable.map(({ pool }) => pool));
  const [pool] = pools;
  const to = names.size > 1 ? "<sender>" : `"${answerTo(first)}"`;
  const toAll = pool === undefined && pools.size === 1 ? "" : ` or "@${pools.size > 1 ? "<pool>" : pool}"`;
  const id = answerable.length > 1 ? "<id>" : `"${shortMessageId(first.message_id, ids)}"`;
  return `answer: cct_send_message to=${to}${toAll} reply_to=${id}`;
}

/**
 * Renders a frame. `more`: how many other messages wait. The result is never longer than `FRAME_LIMIT` if `messages` fit
 * into `FRAME_BUDGET`. Its last line, and no other, begins with a parenthesis.
 */
export function frame(
  messages: readonly FramedMessage[],
  more: number,
  audience: Audience,
  tooLongOnes: readonly OversizedMessage[] = [],
): string {
  const notices = tooLongOnes.slice(0, MAX_NOTICES);
  const others = more + tooLongOnes.length - notices.length;
  const shown = entries(messages);
  const count = shown.length + notices.length;
  const ids = [...messages, ...notices].map(({ message_id }) => message_id);
  const marks = (message: { message_id: string }, i: number) => ({
    place: count > 1 ? `${i + 1}/${count}` : "",
    id: shortMessageId(message.message_id, ids),
    asks: false,
    dated: false,
  });
  const draw = (begun: ReadonlySet<OversizedMessage>): string => {
    const parts = [
      ...shown.map((message, i) =>
        renderMessage(message, {
          ...marks(message, i),
          asks: !isReport(message) && audience.asksAbout(message),
          dated: message.urgency === "low" ? !isReport(message) : audience.now - message.sent_at > OLD_MS,
        }),
      ),
      ...notices.map((m, i) =>
        [
          headLine(m, marks(m, shown.length + i)),
          ...(begun.has(m) ? [quotedBeginning(m)] : []),
          tooLong(m.characters),
        ].join("\n"),
      ),
      ...(others > 0 ? [moreMail(countText(others))] : []),
    ];
    if (count === 0) return parts.join("\n\n");
    const last = [
      howToAnswer([...shown, ...notices], ids),
      ...(hasTags([...messages.map(({ text }) => text), ...[...begun].map(({ beginning = "" }) => beginning)])
        ? [TAGS_REPLACED]
        : []),
      ...(audience.unnamed ? [`you are "${audience.unnamed.name}" (${audience.unnamed.id})`] : []),
      ...(audience.instructed ? [] : [WITHOUT_INSTRUCTIONS]),
    ];
    return `${parts.join("\n\n")}\n(${last.join("; ")})`;
  };
  // Beginnings only fill what is left, so they take no room from messages.
  const begun = new Set<OversizedMessage>();
  let left = FRAME_LIMIT - draw(begun).length - TAGS_REPLACED.length - 2;
  for (const notice of notices) {
    const length = quotedBeginning(notice).length + 1;
    if (!notice.beginning || length > left) continue;
    left -= length;
    begun.add(notice);
  }
  return draw(begun);
}

const quotedBeginning = ({ beginning = "" }: OversizedMessage): string => `${quoteLines(beginning)}\n| …`;

/** The first `messages`, in order, that fit into `budget` characters. */
export function takeFitting<M extends FramedMessage>(messages: readonly M[], budget: number): M[] {
  const fit: M[] = [];
  let left = budget;
  for (const message of messages) {
    left -= framedLength(message);
    if (left < 0) break;
    fit.push(message);
  }
  return fit;
}

/** Whether a message fits into a frame on its own. */
export function fitsFrame(message: FramedMessage): boolean {
  return framedLength(message) <= FRAME_BUDGET;
}
