/** `cct outbox`: the outboxes of this machine's sessions, and adding a message to one. */
import type { Command } from "commander";
import { wasNotReceived } from "../../client/client.ts";
import { addToOutbox, expiryOf, type OutboxEntry, readAllOutboxes, removeEntry } from "../../client/outbox.ts";
import type { OutputOf } from "../../operations/index.ts";
import { homeOf } from "../../platform/config.ts";
import { writeError } from "../../platform/disk.ts";
import { CctError } from "../../platform/errors.ts";
import type { World } from "../../platform/world.ts";
import { resolveMessage, shortId } from "../../rules/address.ts";
import { peersHere } from "../parts/actor.ts";
import type { Context } from "../parts/context.ts";
import { example, toJson } from "../parts/output.ts";
import { outbox } from "../views/outbox.ts";

/** Adds a session's message to its outbox, and answers in place of the broker. The operator has no outbox, so this throws. */
export function keepFor(
  world: World,
  home: string,
  me: { peer_id: string } | undefined,
  input: Record<string, unknown>,
  error: CctError,
): OutputOf<"send_message"> {
  const perhaps = !wasNotReceived(error);
  if (me) return addToOutbox(home, me.peer_id, input, perhaps, world);
  throw new CctError(
    "unavailable",
    `${perhaps ? "Not confirmed" : "Not sent"}, and not queued: only sessions have an outbox. ${error.message}`,
    `Send it again later with --message-id ${String(input.message_id)}, or for a session: --as <session>.`,
  );
}

/** Adds `cct outbox`. */
export function addOutboxCommand(program: Command, { world, screen }: Context): void {
  program
    .command("outbox")
    .addHelpText("after", example("outbox --json"))
    .description(
      "Lists messages that sessions here could not send yet. Also lists those that were refused. The outbox is a setting: cct config show.",
    )
    .option("--drop <message_id>", "drop one without sending it")
    .option("--json", "the list as JSON")
    .action(({ drop, json }: { drop?: string; json?: boolean }) => {
      const home = homeOf(world);
      const all = readAllOutboxes(home);
      if (drop === undefined) return show(home, all, json ?? false);
      const ids = all.map((one) => one.message_id);
      const found = all.filter((one) => one.message_id === resolveMessage(drop, ids));
      if (found.length === 0) {
        throw new CctError(
          "not_found",
          `No outbox holds a message '${drop}'.`,
          "It may have been sent already: cct message <id>.",
        );
      }
      for (const one of found) {
        try {
          removeEntry(home, one);
        } catch (error) {
          throw writeError(error, "The message was not dropped", home, "It goes when the broker is back.");
        }
      }
      screen.write(
        json ? toJson({ dropped: found.at(0)?.message_id }) : "The message was dropped; its session is not notified.\n",
      );
    });

  function show(home: string, all: readonly OutboxEntry[], json: boolean): void {
    const messages = all.map((entry) => outboxMessage(entry, world.now()));
    const names = new Map(all.length > 0 ? peersHere(home).map(({ peer_id, name }) => [peer_id, name]) : []);
    const rows = messages.map((message) => ({
      ...message,
      from: names.get(message.peer_id) ?? shortId(message.peer_id),
    }));
    screen.write(json ? toJson({ messages }) : outbox(rows, screen, world.now()));
  }
}

/** `ended`: it will not be sent. `why`: the reason, or the broker's last reason to try again later. */
function outboxMessage(entry: OutboxEntry, now: number) {
  const { peer_id, message_id, kept_at, input, ended, waits } = entry;
  const state = ended !== undefined ? "ended" : expiryOf(entry) <= now ? "expired" : "kept";
  const why = ended ?? waits;
  return { message_id, peer_id, to: input.to, text: input.text, kept_at, state, ...(why !== undefined && { why }) };
}
