/** `cct inbox`: lists, shows and answers a person's own mail. What was shown as a whole is read, and its sender sees that. */
import { type Command, Option } from "commander";
import type { Client } from "../../client/client.ts";
import { localClient } from "../../client/local.ts";
import { callAllPages } from "../../client/pages.ts";
import { checkOutgoing } from "../../client/secrets.ts";
import type { OutputOf } from "../../operations/index.ts";
import { loadConfig } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { shortMessageId } from "../../rules/address.ts";
import { hasFailed } from "../../rules/delivery.ts";
import { BROKER_NAME, isPerson } from "../../rules/names.ts";
import { span } from "../../rules/text.ts";
import { actor } from "../parts/actor.ts";
import { arrivals } from "../parts/arrivals.ts";
import type { Context } from "../parts/context.ts";
import { example, toJson } from "../parts/output.ts";
import { unconfirmed } from "../parts/unconfirmed.ts";
import { inWordsOf, TimedOut, UsageError } from "../parts/usage.ts";
import { withCommands } from "../parts/vocabulary.ts";
import { statesOf, watched } from "../parts/wait.ts";
import { letter } from "../views/inbox.ts";
import { render } from "../views/views.ts";
import { type Call, print, type Special } from "./call.ts";

type Mail = OutputOf<"inbox">["messages"][number];

/** Messages that are shown, and marked, together. */
const BATCH = 50;

export const inboxCommand: Special = {
  options: () => [
    new Option("--follow", "show new mail in full as it arrives, until Ctrl-C").conflicts(["all", "after"]),
  ],
  worksOffline: () => false,
  async run(call: Call) {
    requirePerson(call);
    if (call.options.follow === true) return follow(call);
    const isOnePage = call.input.limit !== undefined || call.input.after !== undefined;
    const { client, input, json, screen } = call;
    const output = await (isOnePage ? client.callAny("inbox", input) : callAllPages(client, "inbox", input));
    const isSelected = Object.keys(input).length > 0;
    if (output.messages.length === 0 && isSelected && !json) return screen.write("No mail.\n");
    print(call, "inbox", output);
  },
};

export function addInboxCommands(program: Command, context: Context): void {
  const inbox = program.commands.find((one) => one.name() === "inbox");
  if (!inbox) throw new TypeError("the operation inbox has no command");
  // Without this it would take the options of its own commands.
  inbox.enablePositionalOptions();
  inbox
    .command("read [ids...]")
    .addHelpText("after", example("inbox read 4ad570c5"))
    .description("Shows messages of your inbox in full, and marks them as read. Without ids: all unread ones.")
    .option("--json", "as JSON")
    .action((ids: string[], options: { json?: boolean }) =>
      withInbox(context, "read", (own) => read(own, ids, options.json ?? false)),
    );
  inbox
    .command("reply <id> <text>")
    .addHelpText("after", "\nA text of - is read from standard input.")
    .addHelpText("after", example('inbox reply 4ad570c5 "use port 5433"'))
    .description("Answers a message of your inbox: sends a text to its sender, as a reply to it.")
    .option("--allow-secrets", "send although the text seems to contain a key")
    .option("--message-id <id>", "id of the reply, for sending it again: it is stored once")
    .option("--json", "as JSON")
    .action((id: string, text: string, options: ReplyOptions) =>
      withInbox(context, "reply", async (own) => {
        const words = text === "-" ? (await context.readStdin()).replace(/\n$/, "") : text;
        await reply(own, id, words, options);
      }),
    );
}

interface ReplyOptions {
  allowSecrets?: boolean;
  messageId?: string;
  json?: boolean;
}

/** What the commands work with. */
interface Own extends Pick<Call, "world" | "screen" | "client"> {}

/** What the commands call the inputs of the operations that they use. */
const WORDS = { message_id: "<id>", text: "<text>", allow_secrets: "--allow-secrets" };

async function withInbox(
  { world, screen }: Context,
  command: string,
  work: (own: Own) => Promise<void>,
): Promise<void> {
  const config = loadConfig(world);
  requirePerson({ me: actor(world, config) });
  const client = localClient(config, world);
  try {
    await work({ world, screen, client });
  } catch (error) {
    throw inWordsOf(error, WORDS, `cct inbox ${command}`);
  } finally {
    client.close();
  }
}

/** Throws wrong usage in a session's shell: what a model writes must not pass for a person's. */
export function requirePerson({ me }: Pick<Call, "me">): void {
  if (!me) return;
  throw new UsageError(
    "This is a session's shell, and the inbox is a person's.",
    "A session's mail reaches it by itself; see: cct messages",
  );
}

type AsJson = (mail: readonly Mail[]) => string | undefined;

/** Shows messages in full, oldest first, then marks them: an interrupted command leaves them unread. */
async function show(own: Own, mail: readonly Mail[], asJson: AsJson): Promise<void> {
  if (await write(own, mail, asJson)) await markShown(own.client, mail);
}

/** Writes messages in full, oldest first. Returns whether somebody can see them. */
function write({ screen, world }: Own, mail: readonly Mail[], asJson: AsJson): Promise<boolean> {
  const oldestFirst = mail.toReversed();
  const json = asJson(oldestFirst);
  screen.write(json ?? oldestFirst.map((one) => letter(one, screen, world.now())).join("\n"));
  return screen.isOpen();
}

/** Marks messages that were shown as read. */
export async function markShown(client: Client, mail: readonly Mail[]): Promise<void> {
  const unread = mail.filter((one) => one.state === "queued").map((one) => one.message_id);
  for (let i = 0; i < unread.length; i += BATCH)
    await client.call("mark_read", { message_ids: unread.slice(i, i + BATCH) });
}

async function read(own: Own, ids: readonly string[], json: boolean): Promise<void> {
  const { client, screen } = own;
  const found: Mail[] = [];
  for (const id of ids) found.push(await oneOf(client, id));
  const mail = ids.length > 0 ? found.toReversed() : (await callAllPages(client, "inbox", {})).messages;
  if (mail.length === 0 && !json) return screen.write("No unread mail. Older: cct inbox --all\n");
  await show(own, mail, (messages) => (json ? toJson({ messages }) : undefined));
}

/** The message of the inbox with that id. */
async function oneOf(client: Client, id: string): Promise<Mail> {
  const { messages } = await client.call("inbox", { message_id: id, all: true });
  const [one] = messages;
  if (one) return one;
  throw new CctError("not_found", `There is no message '${id.slice(0, 64)}' in your inbox.`, "See: cct inbox --all");
}

async function reply(own: Own, id: string, text: string, options: ReplyOptions): Promise<void> {
  const { client, screen, world } = own;
  const mail = await oneOf(client, id);
  if (mail.from === BROKER_NAME)
    throw new CctError(
      "bad_request",
      "The broker wrote this: it reads no mail.",
      "Write to a session: cct send <to> <text>",
    );
  // The client creates the id, so that it can repeat the call when the answer is lost.
  const message_id = options.messageId ?? world.newMessageId();
  const input = await checkOutgoing({
    // A person's address is the name; a peer may have another name by now.
    to: isPerson(mail.from_name) ? mail.from_name : mail.from,
    text,
    reply_to: mail.message_id,
    message_id,
    ...(options.allowSecrets ? { allow_secrets: true } : {}),
  });
  const output = await client.callAny("send_message", input).catch((error: unknown) => {
    throw unconfirmed(error, `Send it again with --message-id ${message_id}: it cannot arrive twice.`);
  });
  screen.write(options.json ? toJson(output) : render("send_message", output, screen, world.now()));
}

/** Ignores that no broker is there. */
function ifAway(error: unknown): undefined {
  if (!(error instanceof CctError) || error.code !== "unavailable") throw error;
}

/** Shows unread mail, and all that comes, until the process is ended or its output is closed. */
async function follow(call: Call): Promise<void> {
  const { world, client, screen, json, input } = call;
  const asLines: AsJson = (all) => (json ? all.map((one) => `${JSON.stringify(one)}\n`).join("") : undefined);
  /** Shown and not marked, because no broker was there: listed once more, and marked then. */
  const shown = new Set<string>();
  let isDown = false;
  let refused: CctError | undefined;
  const coming = arrivals(client, world.random, (error) => {
    if (error.code !== "unavailable") refused = error;
    else if (!isDown) screen.stderr.write(`cct: ${withCommands(error.message)} Waiting for it.\n`);
    isDown = true;
  });
  try {
    while (await screen.isOpen()) {
      await coming.next();
      if (refused) throw refused;
      const unread = await callAllPages(client, "inbox", input).catch(ifAway);
      if (unread === undefined) continue;
      isDown = false;
      const fresh = unread.messages.filter((one) => !shown.has(one.message_id));
      if (fresh.length > 0 && !(await write(call, fresh, asLines))) break;
      for (const one of fresh) shown.add(one.message_id);
      await markShown(client, unread.messages).then(() => shown.clear(), ifAway);
    }
  } finally {
    coming.close();
  }
}

/** Waits for a reply to a message, and shows it. Throws `conflict` when nobody will get the message, `TimedOut` after `limit` ms. */
export async function showReply(call: Call, messageId: string, limit: number): Promise<void> {
  const { world, client, json, screen } = call;
  const coming = arrivals(client, world.random);
  const id = shortMessageId(messageId);
  try {
    for (const deadline = world.steady() + limit; ; ) {
      const { messages } = await watched(client.call("inbox", { reply_to: messageId, all: true }), messageId);
      if (messages.length > 0)
        return await show(call, messages, (all) => (json ? toJson({ messages: all }) : undefined));
      const status = await watched(client.call("message_status", { message_id: messageId }), messageId);
      const states = statesOf(status.recipients);
      const left = deadline - world.steady();
      const problem = status.recipients.every((one) => hasFailed(one))
        ? new CctError("conflict", `There will be no reply: ${states}.`, `See: cct message ${id}`)
        : left <= 0
          ? new TimedOut(
              `No reply within ${span(limit)}: ${states}.`,
              "The message is still on its way. A later reply is in: cct inbox",
            )
          : undefined;
      if (problem && json) screen.write(toJson({ messages: [], ...status }));
      if (problem) throw problem;
      await coming.next(left);
    }
  } finally {
    coming.close();
  }
}
