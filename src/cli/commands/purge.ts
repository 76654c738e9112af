/** `cct purge`: deletes messages for good. It counts first, asks, and says what it did. */
import type { Command } from "commander";
import type { Client } from "../../client/client.ts";
import { loadConfig } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { actor } from "../parts/actor.ts";
import { saysYes } from "../parts/ask.ts";
import { withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { count, example, toJson } from "../parts/output.ts";
import { UsageError } from "../parts/usage.ts";
import { addFilters, inWordsOfFilters } from "./filters.ts";

interface PurgeOptions {
  yes?: boolean;
  json?: boolean;
  before?: number;
  [filter: string]: unknown;
}

interface Counts {
  deleted: number;
  waiting: number;
  kept: number;
}

export function addPurgeCommand(program: Command, context: Context): void {
  const command = program
    .command("purge")
    .addHelpText("after", example("purge --pool checkout --before 2026-11-01"))
    .description(
      "Deletes messages for good. Counts them first and asks. Mail that somebody has not read stays, unless --unread: then its senders are told.",
    );
  addFilters(command, context.world.now)
    .option("--unread", "also mail that waits: it ends unread, and its senders are told")
    .option("--yes", "do not ask")
    .option("--json", "as JSON")
    .action((options: PurgeOptions) => inWordsOfFilters("cct purge", () => purge(context, options)));
}

async function purge(context: Context, options: PurgeOptions): Promise<void> {
  const { world, screen, stdinIsTerminal } = context;
  const { yes = false, json = false, before, ...filters } = options;
  const config = loadConfig(world);
  if (actor(world, config)) throw new UsageError("This is a session's shell, and deleting messages is the operator's.");
  await withClient(world, config, async (client) => {
    // What is sent meanwhile is not deleted.
    const input = { ...filters, before: before ?? (await newest(client)) + 1 };
    const found = await inAll(client, { ...input, count: true });
    if (found.deleted === 0) {
      if (json) return screen.write(toJson(found));
      return screen.write(found.kept > 0 ? `Nothing is deleted. ${keptLine(found.kept)}\n` : "No message matches.\n");
    }
    const what = `${count(found.deleted, "message")}${found.waiting > 0 ? `, ${found.waiting} of them not read yet` : ""}`;
    if (!yes) {
      if (!stdinIsTerminal)
        throw new CctError("conflict", `This would delete ${what}. Nothing was deleted.`, "To delete them: --yes");
      if (!(await saysYes(context, `Delete ${what}, for good?`))) return screen.write("Nothing was deleted.\n");
    }
    const done = await inAll(client, input);
    if (json) return screen.write(toJson(done));
    const said = [`${count(done.deleted, "message")} deleted.`];
    if (done.waiting > 0) said.push(`Not read before: ${done.waiting}; their senders are told.`);
    if (done.kept > 0) said.push(keptLine(done.kept));
    screen.write(`${said.join(" ")}\n`);
  });
}

const keptLine = (kept: number): string =>
  `Kept: ${count(kept, "message")} that somebody has not read (--unread deletes what waits).`;

/** The number of the newest message; 0 without any. */
async function newest(client: Client): Promise<number> {
  const { messages } = await client.call("messages", { limit: 1 });
  return messages[0]?.seq ?? 0;
}

/** Works through all messages that the filters mean. */
async function inAll(client: Client, input: Record<string, unknown>): Promise<Counts> {
  const sum: Counts = { deleted: 0, waiting: 0, kept: 0 };
  for (let place = {}; ; ) {
    const { next, ...some } = await client.callAny("purge_messages", { ...input, ...place });
    sum.deleted += some.deleted;
    sum.waiting += some.waiting;
    sum.kept += some.kept;
    if (next === undefined) return sum;
    place = { before: next };
  }
}
