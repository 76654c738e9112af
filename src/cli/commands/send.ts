/** `cct send` and `cct broadcast`, which add `--wait` and the outbox to the operation. */
import { Option } from "commander";
import { isUnavailable, wasNotReceived } from "../../client/client.ts";
import type { Config } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { UsageError } from "../parts/usage.ts";
import { waitFor } from "../parts/wait.ts";
import { type Call, type Fields, print, type Special, wholeNumber } from "./call.ts";
import { keepFor } from "./outbox.ts";

/** How long `--wait` waits unless `--timeout` says otherwise. */
const WAIT_S = 60;

/** `--wait` excludes the outbox: the command could not report the outcome. */
const usesOutbox = ({ wait, outbox }: Fields, config: Config): boolean =>
  wait === undefined && (outbox === true || config.outbox);

export const sendCommand: Special = {
  options: () => [
    new Option("--wait <state>", "wait until it is delivered or read").choices(["delivered", "read"]),
    new Option("--timeout <seconds>", "with --wait: how long")
      .argParser(wholeNumber)
      .default(undefined, String(WAIT_S)),
    new Option(
      "--outbox",
      "when no broker is there, keep a session's message on this machine and send it later",
    ).conflicts("wait"),
  ],
  worksOffline: usesOutbox,
  async run(call: Call) {
    const { world, config, client, me, options, json } = call;
    const { wait, timeout } = options;
    if (wait === undefined && timeout !== undefined)
      throw new UsageError("--timeout is for --wait.", "Add --wait delivered or --wait read, or leave it out.");
    // The client creates the id, so that it can repeat the call when the answer is lost.
    const message_id = String(call.input.message_id ?? world.newMessageId());
    const input = { ...call.input, message_id };
    const output = await client.callAny("send_message", input, me).catch((error: unknown) => {
      if (usesOutbox(options, config) && isUnavailable(error)) return keepFor(world, config.home, me, input, error);
      if (isUnavailable(error) && !wasNotReceived(error))
        throw new CctError(
          "unavailable",
          `The message was not confirmed, perhaps it was sent: ${error.message}`,
          `Send it again with --message-id ${message_id}: it cannot arrive twice.`,
        );
      throw error;
    });
    if (wait !== "delivered" && wait !== "read") return print(call, "send_message", output);
    if (!json) print(call, "send_message", output);
    print(
      call,
      "message_status",
      await waitFor(client, message_id, wait, Number(timeout ?? WAIT_S) * 1000, world.steady, me),
    );
  },
};

/** The same operation under a more familiar name. */
export const broadcastCommand: Special & { cli: string; example: string; doc: string } = {
  ...sendCommand,
  cli: "broadcast <pool> <text>",
  example: 'broadcast front "the branch is form-2"',
  doc: "Sends a message to all members of a pool.",
  toInput: ({ pool, ...input }) => ({ ...input, to: `@${String(pool).replace(/^@/, "")}` }),
};
