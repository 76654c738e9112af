/** `cct send` and `cct broadcast`, which add `--wait` and the outbox to the operation. */
import { InvalidArgumentError, Option } from "commander";
import { isUnavailable } from "../../client/client.ts";
import type { Config } from "../../platform/config.ts";
import { CctError, errorLine } from "../../platform/errors.ts";
import { eachMessageId, recipientsIn } from "../../rules/recipients.ts";
import { toJson } from "../parts/output.ts";
import { unconfirmed } from "../parts/unconfirmed.ts";
import { TimedOut, UsageError } from "../parts/usage.ts";
import { waitFor } from "../parts/wait.ts";
import { type Call, type Fields, print, type Special } from "./call.ts";
import { markShown, requirePerson, showReply } from "./inbox.ts";
import { keepFor } from "./outbox.ts";

/** How long `--wait` waits unless `--timeout` says otherwise. A reply takes a model's turn. */
const WAIT_MS = { delivered: 60_000, read: 60_000, reply: 600_000 };
const UNITS = { s: 1_000, m: 60_000, h: 3_600_000 };

/** `90`, `90s`, `10m` or `1h`, in milliseconds. */
function duration(value: string): number {
  const [, number, unit] = /^(\d{1,6})([smh]?)$/.exec(value) ?? [];
  if (number === undefined) throw new InvalidArgumentError("It must be a number of seconds, or like 90s, 10m, 1h.");
  return Number(number) * UNITS[unit === "m" || unit === "h" ? unit : "s"];
}

/** `--wait` excludes the outbox: the command could not report the outcome. */
const usesOutbox = ({ wait, outbox }: Fields, config: Config): boolean =>
  wait === undefined && (outbox === true || config.outbox);

export const sendCommand: Special = {
  arguments: { to: "several: ann,bob" },
  options: () => [
    new Option("--wait <for>", "wait until it is delivered or read, or for a reply, which is then shown").choices([
      "delivered",
      "read",
      "reply",
    ]),
    new Option("--timeout <time>", "with --wait: how long, in seconds or as in 10m")
      .argParser(duration)
      .default(undefined, "60s, or 10m for a reply"),
    new Option(
      "--outbox",
      "when no broker is there, keep a session's message on this machine and send it later",
    ).conflicts("wait"),
  ],
  // A reply needs no address, unless it is to the last message.
  meant: (typed, hasFile) =>
    typed.reply_to !== undefined && typed.reply_to !== "last" && typed.text === undefined && !hasFile
      ? { ...typed, to: undefined, text: typed.to }
      : typed,
  worksOffline: usesOutbox,
  run: sendToEach,
};

/**
 * To several recipients, a message to each, side by side. What is said of one is shown at once; JSON is one document at the
 * end. Throws if something failed for one of them: `TimedOut` if that was only the time.
 */
async function sendToEach(call: Call): Promise<void> {
  const { world, client, options, input, json, screen } = call;
  requireSense(call);
  const all = recipientsIn(input.to);
  if (all.length < 2) return sendToOne({ ...call, input: { ...input, to: all[0] ?? input.to } });
  const base = String(input.message_id ?? world.newMessageId());
  const again = `Repeat the whole command with --message-id ${base}: nothing can arrive twice.`;
  const done = await Promise.all(
    all.map(async (to, i) => {
      let said = "";
      const write = (text: string): void => {
        said += text;
      };
      // Nothing is marked as read before it is shown.
      const collected = { ...screen, write, isOpen: () => Promise.resolve(false) };
      const one = { ...call, input: { ...input, to, message_id: eachMessageId(base, i) } };
      const error = await sendToOne(json ? { ...one, screen: collected } : one, again).then(
        () => undefined,
        (failure: unknown) => failure,
      );
      return { to, said, error };
    }),
  );
  if (json) {
    const answers = done.map(({ said }) => (said === "" ? undefined : JSON.parse(said)));
    const each = done.map(({ to, error }, i) => ({
      to,
      ...(answers[i] === undefined ? {} : { answer: answers[i] }),
      ...(error === undefined ? {} : { error: errorLine(error) }),
    }));
    screen.write(toJson({ each }));
    if (options.wait === "reply" && (await screen.isOpen()))
      await markShown(
        client,
        answers.flatMap((answer) => answer?.messages ?? []),
      );
  }
  const failed = done.flatMap(({ to, error }) => (error === undefined ? [] : [{ to, error }]));
  if (failed.length === 0) return;
  const words = failed.map(({ to, error }) => `To ${to}: ${errorLine(error)}`).join(" ");
  const message = `Not done for ${failed.length} of ${all.length}. ${words}`;
  throw failed.every(({ error }) => error instanceof TimedOut)
    ? new TimedOut(message, "Later replies are in: cct inbox")
    : new CctError("conflict", message);
}

/** Throws wrong usage, before anything is sent. */
function requireSense(call: Call): void {
  const { wait, timeout } = call.options;
  if (wait === undefined && timeout !== undefined)
    throw new UsageError("--timeout is for --wait.", "Add --wait delivered, read or reply, or leave it out.");
  if (wait === "reply") requirePerson(call);
}

/** `again`: what to do when the message was not confirmed. */
async function sendToOne(call: Call, again?: string): Promise<void> {
  const { world, config, client, me, options, json } = call;
  const { wait, timeout } = options;
  // The client creates the id, so that it can repeat the call when the answer is lost.
  const message_id = String(call.input.message_id ?? world.newMessageId());
  const input = { ...call.input, message_id };
  const output = await client.callAny("send_message", input, me).catch((error: unknown) => {
    if (usesOutbox(options, config) && isUnavailable(error)) return keepFor(world, config.home, me, input, error);
    throw unconfirmed(error, again ?? `Send it again with --message-id ${message_id}: it cannot arrive twice.`);
  });
  if (wait !== "delivered" && wait !== "read" && wait !== "reply") return print(call, "send_message", output);
  if (!json) print(call, "send_message", output);
  const limit = Number(timeout ?? WAIT_MS[wait]);
  if (wait === "reply") return showReply(call, message_id, limit);
  const { status, problem } = await waitFor(client, message_id, wait, limit, world.steady, me);
  if (json || !problem) print(call, "message_status", status);
  if (problem) throw problem;
}

/** The same operation under a more familiar name. */
export const broadcastCommand: Special & { cli: string; example: string; doc: string } = {
  ...sendCommand,
  cli: "broadcast <pool> <text>",
  example: 'broadcast front "the branch is form-2"',
  doc: "Sends a message to all members of a pool.",
  toInput: ({ pool, ...input }) => ({
    ...input,
    to: recipientsIn(pool)
      .map((one) => `@${one.replace(/^@/, "")}`)
      .join(","),
  }),
};
