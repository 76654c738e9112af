/** How each tool runs. Most only call their operation; the table has those that do more, checked against the declarations. */
import { type Client, isUnavailable, wasNotReceived } from "../client/client.ts";
import type { Credentials } from "../operations/core/identity.ts";
import type { ExtendedToolName, InputOf, OutputOf, TakenBy, ToolName, ToolOutputOf } from "../operations/index.ts";
import { reasonOf } from "../platform/disk.ts";
import { CctError } from "../platform/errors.ts";
import { aboutTags, frame, NOT_YOUR_USER } from "../rules/framing.ts";
import type { Connection } from "./connection.ts";
import type { Mail } from "./mail.ts";
import type { Outbox } from "./outbox.ts";

/** How long a tool waits for a session that is still registering. */
const REGISTER_MS = 8_000;
/** A send without an answer is retried under the same message_id for this long. */
const RETRY_MS = 4_000;
/** The same with an outbox: giving up loses nothing, and a restarting broker is back within this time. */
const RETRY_BEFORE_KEEPING_MS = 1_000;
const RETRY_PAUSE_MS = 200;

export interface ToolSession {
  client: Client;
  connection: Connection;
  mail: Mail;
  outbox: Outbox;
  home: string;
  newMessageId(): string;
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
  /** The answer as text, for hosts that show that; else it is the structured one as JSON. */
  text(words: string): void;
}

type Run<N extends ToolName> = (session: ToolSession, input: Unchecked<N>, reply: Reply) => Promise<ToolOutputOf<N>>;

/** Complete by its type for every tool whose declaration adds fields. */
const special: { [N in ToolName]?: Run<N> } & { [N in ExtendedToolName]: Run<N> } = {
  send_message: send,

  async check_messages({ client, connection, mail, home }, input, reply) {
    const peer = await connection.credentials(REGISTER_MS);
    const { limit, page, ...unknown } = input;
    // The broker rejects a bad input in its own words; nothing is claimed.
    if (Object.keys(unknown).length > 0 || (limit !== undefined && !isLimit(limit)))
      return client.callAny("check_messages", { ...unknown, limit }, peer);
    if (page !== undefined && !isPage(page))
      throw new CctError("bad_request", "page is a number from 1.", "Leave it out for the next page.");
    const { mail: checked, part, shown } = await mail.check(limit, page);
    reply.answered(shown);
    const code = mail.trouble();
    const warning = code === undefined ? undefined : cannotWrite(code, home);
    const { messages, remaining } = checked;
    const said = [messages.length > 0 ? frame(messages, remaining) : undefined, part, warning];
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

/** JSON shows the texts without a frame. */
const noticeOn = (texts: readonly string[]): string =>
  `${NOT_YOUR_USER}${aboutTags(texts) && " ‹ in them stands for <."}`;

const cannotWrite = (code: string, home: string): string =>
  `CCT cannot write mail for the hooks of this session: ${reasonOf(code)}, in ${home}. Until that works again, mail does not ` +
  "arrive by itself: it is kept at the broker, and only this tool shows it. Tell your user, and call it again from time to time.";

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

/** Sends with retries: the message_id is an idempotency key, so a broker that restarts costs only time. */
async function send(session: ToolSession, unchecked: Unchecked<"send_message">): Promise<OutputOf<"send_message">> {
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
    keeps && isUnavailable(error) ? outbox.keep(input, perhapsSent) : unsent(error, perhapsSent, input.message_id);
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
function unsent(error: unknown, perhaps: boolean, messageId: unknown): never {
  if (!isUnavailable(error)) throw error;
  throw new CctError(
    "unavailable",
    perhaps
      ? `The message was not confirmed, perhaps it was sent: ${error.message}`
      : `The message was not sent, and nothing keeps it: ${error.message}`,
    `Send it again later with message_id '${String(messageId)}': it cannot arrive twice.`,
  );
}
