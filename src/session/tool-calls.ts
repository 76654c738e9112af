/** How each tool runs. Most only call their operation; the table has those that do more, checked against the declarations. */
import { type Client, isUnavailable, wasNotReceived } from "../client/client.ts";
import type { Credentials } from "../operations/core/identity.ts";
import type { ExtendedToolName, InputOf, OutputOf, TakenBy, ToolName, ToolOutputOf } from "../operations/index.ts";
import { reasonOf } from "../platform/disk.ts";
import { CctError } from "../platform/errors.ts";
import { shortMessageId } from "../rules/address.ts";
import { frame, hasTags, sanitize } from "../rules/framing.ts";
import { pagesOf } from "../rules/pages.ts";
import { eachMessageId, recipientsIn } from "../rules/recipients.ts";
import { cannotWrite, NOT_YOUR_USER, TAGS_REPLACED } from "../rules/texts/frames.ts";
import { answerText } from "./answers.ts";
import type { AudienceNow } from "./audience.ts";
import type { Connection } from "./connection.ts";
import type { Checked, Mail } from "./mail.ts";
import type { Outbox } from "./outbox.ts";
import { withTools } from "./tool-names.ts";

/** How long a tool waits for a session that is still registering. */
const REGISTER_MS = 8_000;
/** A send without an answer is retried under the same message_id for this long. */
const RETRY_MS = 4_000;
/** The same with an outbox: giving up loses nothing, and a restarting broker is back within this time. */
const RETRY_BEFORE_KEEPING_MS = 1_000;
const RETRY_PAUSE_MS = 200;
/** Calls of the broker for one search. */
const MAX_SEARCHES = 10;

export interface ToolSession {
  client: Client;
  connection: Connection;
  mail: Mail;
  outbox: Outbox;
  audience: AudienceNow;
  home: string;
  newMessageId(): string;
  now(): number;
  steady(): number;
  /** How long the call has waited for earlier ones. */
  waitedMs: number;
}

/** The fields of an input before the broker validated it. */
type Unchecked<N extends ToolName> = { [Field in keyof InputOf<N> | TakenBy<N>]?: unknown };

/** What a tool says besides its structured answer. */
export interface Reply {
  /** To be done once the host has the answer. */
  answered(done: () => void): void;
  /** The answer as text, where it is another than `answers.ts` makes of the output. */
  text(words: string): void;
}

type Run<N extends ToolName> = (session: ToolSession, input: Unchecked<N>, reply: Reply) => Promise<ToolOutputOf<N>>;

/** Complete by its type for every tool whose declaration adds fields. */
const special: { [N in ToolName]?: Run<N> } & { [N in ExtendedToolName]: Run<N> } = {
  send_message: sendToEach,

  async check_messages({ client, connection, mail, audience, home }, input, reply) {
    const peer = await connection.credentials(REGISTER_MS);
    const { limit, page } = input;
    // The broker rejects a bad input in its own words; nothing is claimed.
    if (limit !== undefined && !isLimit(limit)) return client.callAny("check_messages", { limit }, peer);
    if (page !== undefined && !isPage(page))
      throw new CctError("bad_request", "page is a number from 1.", "Leave it out for the next page.");
    const {
      mail: checked,
      part,
      shown,
    } = input.message_id === undefined
      ? await mail.check(limit, page)
      : await reread(client, input.message_id, page ?? 1, peer);
    reply.answered(shown);
    const code = mail.trouble();
    const warning = code === undefined ? undefined : cannotWrite(reasonOf(code), home);
    const { messages, remaining } = checked;
    const said = [messages.length > 0 ? frame(messages, remaining, audience.look()) : undefined, part, warning];
    if (messages.length > 0) reply.text(said.filter((one) => one !== undefined).join("\n\n"));
    return {
      ...(messages.length > 0 ? { notice: noticeOn(messages.map((one) => one.text)) } : {}),
      ...checked,
      ...(part === undefined ? {} : { part }),
      ...(warning === undefined ? {} : { warning }),
    };
  },

  async pool_status({ client, connection }, input) {
    return {
      notice: NOT_YOUR_USER,
      ...(await client.callAny("pool_status", input, await connection.credentials(REGISTER_MS))),
    };
  },

  async search({ client, connection }, input) {
    const peer = await connection.credentials(REGISTER_MS);
    let output = await client.callAny("search", input, peer);
    // Of a frequent word one call may look at too few messages to find any.
    for (let calls = 1; output.next !== undefined && output.messages.length === 0 && calls < MAX_SEARCHES; calls++)
      output = await client.callAny("search", { ...input, before: output.next }, peer);
    return { notice: NOT_YOUR_USER, ...output };
  },

  async set_summary({ client, connection }, input) {
    const peer = await client.callAny("set_summary", input, await connection.credentials(REGISTER_MS));
    connection.renamed(peer.name);
    return peer;
  },

  async set_busy({ client, connection, mail }, input) {
    const peer = await client.callAny("set_busy", input, await connection.credentials(REGISTER_MS));
    // Do not wait for the hint: the next hook must not find mail that waits from now on.
    mail.hint();
    await mail.run();
    return peer;
  },
};

/** A message that the model had before, or a page of it. Nothing is claimed, so nothing is to be done after the answer. */
async function reread(client: Client, ref: unknown, page: number, peer: Credentials): Promise<Checked> {
  const { message } = await client.callAny("reread_message", { message_id: ref }, peer);
  const pages = pagesOf(message.text);
  const text = pages[page - 1];
  if (text === undefined) {
    const words = `There is no page ${page}: the message has ${pages.length}.`;
    throw new CctError("bad_request", words, "Leave out page for the first one.");
  }
  const next = page < pages.length ? ` For the next: page ${page + 1}.` : "";
  const part = `Page ${page} of ${pages.length} of message ${shortMessageId(message.message_id)}.${next}`;
  return {
    mail: { messages: [{ ...message, text, redelivered: true }], remaining: 0 },
    ...(pages.length > 1 && { part }),
    shown() {},
  };
}

/** JSON shows the texts without a frame. */
const noticeOn = (texts: readonly string[]): string =>
  hasTags(texts) ? `${NOT_YOUR_USER} ${TAGS_REPLACED}.` : NOT_YOUR_USER;

/** Runs a tool and returns its structured answer. Throws `CctError`. */
export async function runTool(
  session: ToolSession,
  name: ToolName,
  input: Record<string, unknown>,
  reply: Reply,
): Promise<Record<string, unknown>> {
  const run = special[name];
  if (run) return run(session, input, reply);
  return session.client.callAny(name, input, await session.connection.credentials(REGISTER_MS));
}

const isPage = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value) && value >= 1;

function isLimit(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 100;
}

/** Sends to one or several recipients: to each a message of its own, and the answer says what became of each. */
async function sendToEach(
  session: ToolSession,
  input: Unchecked<"send_message">,
  reply: Reply,
): Promise<ToolOutputOf<"send_message">> {
  const all = recipientsIn(input.to);
  const [only] = all;
  if (only === undefined || all.length === 1) return send(session, only === undefined ? input : { ...input, to: only });
  const sent: OutputOf<"send_message">[] = [];
  const each: NonNullable<ToolOutputOf<"send_message">["each"]> = [];
  const base = typeof input.message_id === "string" ? input.message_id : session.newMessageId();
  const failed: string[] = [];
  let failure: CctError | undefined;
  for (const [i, to] of all.entries()) {
    if (isUnavailable(failure)) {
      const error = "not tried, because no broker answers.";
      each.push({ to, error });
      failed.push(`NOT sent to ${to}: ${error}`);
      continue;
    }
    try {
      const again = `Repeat the whole call later with message_id '${base}': nothing can arrive twice.`;
      const output = await send(session, { ...input, to, message_id: eachMessageId(base, i) }, again);
      sent.push(output);
      each.push({ to, message_id: output.message_id });
    } catch (error) {
      if (!(error instanceof CctError)) throw error;
      failure = error;
      each.push({ to, error: error.line });
      // Whether a message without an answer was sent is not known.
      failed.push(`${isUnavailable(error) ? "To" : "NOT sent to"} ${to}: ${withTools(error.line)}`);
    }
  }
  const [first] = sent;
  if (!first && failure) throw nothingSent(each, failure);
  const lines = sent.map((output) => answerText("send_message", output, { now: session.now() }));
  reply.text(sanitize([...failed, ...lines].join("\n")));
  return { message_id: first?.message_id ?? "", recipients: sent.flatMap(({ recipients }) => recipients), each };
}

function nothingSent(each: readonly { to: string; error?: string | undefined }[], last: CctError): CctError {
  if (each.every(({ error }) => error === last.line)) return last;
  const what = isUnavailable(last) ? "Nothing was confirmed." : "Nothing was sent.";
  return new CctError(last.code, `${what} ${each.map(({ to, error }) => `To ${to}: ${error}`).join(" ")}`);
}

/**
 * Sends with retries: the message_id is an idempotency key, so a broker that restarts costs only time. `again`: what to do when
 * no broker confirms it.
 */
async function send(
  session: ToolSession,
  unchecked: Unchecked<"send_message">,
  again?: string,
): Promise<OutputOf<"send_message">> {
  const { outbox, connection } = session;
  const input = { ...unchecked, message_id: unchecked.message_id ?? session.newMessageId() };
  const keeps = outbox.keeps();
  // Messages that were kept earlier go first.
  const stuck = await outbox.flush().catch(() => undefined);
  if (stuck && keeps) return outbox.keep(input, false);
  const deadline = session.steady() - session.waitedMs + (keeps ? RETRY_BEFORE_KEEPING_MS : RETRY_MS);
  /** An attempt may have reached the broker, and only its answer was lost. */
  let perhapsSent = false;
  const giveUp = (error: unknown) =>
    keeps && isUnavailable(error)
      ? outbox.keep(input, perhapsSent)
      : unsent(
          error,
          perhapsSent,
          again ?? `Send it again later with message_id '${String(input.message_id)}': it cannot arrive twice.`,
        );
  for (;;) {
    let peer: Credentials;
    try {
      peer = await connection.credentials(keeps ? RETRY_BEFORE_KEEPING_MS : REGISTER_MS);
    } catch (error) {
      return giveUp(error);
    }
    try {
      return await session.client.callAny("send_message", input, peer);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      perhapsSent ||= !wasNotReceived(error);
      if (session.steady() > deadline) return giveUp(error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
    }
  }
}

/** The error for a sender when no broker confirmed the message and nothing keeps it. */
function unsent(error: unknown, perhaps: boolean, hint: string): never {
  if (!isUnavailable(error)) throw error;
  throw new CctError(
    "unavailable",
    perhaps
      ? `The message was not confirmed, perhaps it was sent: ${error.message}`
      : `The message was not sent, and nothing keeps it: ${error.message}`,
    hint,
  );
}
