/** `cct tail`: shows messages as they are sent. It goes on where it was when the broker is back. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { Client } from "../../client/client.ts";
import { localClient } from "../../client/local.ts";
import type { Credentials } from "../../operations/core/identity.ts";
import type { OutputOf } from "../../operations/index.ts";
import { loadConfig } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { escapeInvisible } from "../../rules/text.ts";
import { actor } from "../parts/actor.ts";
import type { Context } from "../parts/context.ts";
import { example } from "../parts/output.ts";
import { inWordsOf } from "../parts/usage.ts";
import { withCommands } from "../parts/vocabulary.ts";
import { tailLine } from "../views/messages.ts";
import { wholeNumber } from "./options.ts";

type Message = OutputOf<"messages">["messages"][number];

const LOOK_EVERY_MS = 1_000;
/** Several brokers store side by side: a message may come after one with a higher number, but hardly later than this. */
const LATE_SEQ = 5_000_000;
const PAGE = 200;

export function addTailCommand(program: Command, context: Context): void {
  program
    .command("tail [who]")
    .addHelpText("after", example("tail @checkout"))
    .description(
      "Shows messages as they are sent, until Ctrl-C: all, or those of a peer or a @pool. First the latest ones. It waits for a broker that is away, and goes on where it was.",
    )
    .option("--lines <number>", "how many of the latest are shown first (10)", wholeNumber)
    .option("--json", "each message as a line of JSON")
    .action((who: string | undefined, options: { json?: boolean; lines?: number }) =>
      tail(context, who, options).catch((error: unknown) => {
        throw inWordsOf(error, { limit: "--lines", pool: "<who>", with: "<who>" }, "cct tail");
      }),
    );
}

async function tail(
  { world, screen, onSignal }: Context,
  who: string | undefined,
  { json = false, lines = 10 }: { json?: boolean; lines?: number },
): Promise<void> {
  const config = loadConfig(world);
  const me = actor(world, config);
  const filters = who === undefined ? {} : who.startsWith("@") ? { pool: who } : { with: who };
  const stopping = new AbortController();
  const removeHandler = onSignal(["SIGINT", "SIGTERM"], () => stopping.abort(), { once: true });
  const client = localClient(config, world);
  const show = (message: Message): void =>
    screen.write(json ? `${escapeInvisible(JSON.stringify(message))}\n` : tailLine(message, screen));
  let isDown = false;
  /** Nothing while no broker answers. */
  const whenUp = async <T>(ask: () => Promise<T>): Promise<T | undefined> => {
    try {
      const answer = await ask();
      isDown = false;
      return answer;
    } catch (error) {
      const isPassing = error instanceof CctError && (error.code === "unavailable" || error.code === "rate_limited");
      if (!isPassing) throw error;
      if (!isDown) screen.stderr.write(`cct: ${withCommands(error.message)} Trying again.\n`);
      isDown = true;
      return undefined;
    }
  };
  try {
    // The first answer must come: a wrong name is an error, and so is a broker that is not there.
    const latest = await client.callAny("messages", { ...filters, limit: Math.max(1, lines) }, me);
    const first = latest.messages.toReversed();
    for (const message of lines === 0 ? [] : first) show(message);
    const follower = follow(first);
    while (!stopping.signal.aborted && (await screen.isOpen())) {
      const fresh = await whenUp(() => follower.next(client, filters, me));
      for (const message of fresh ?? []) show(message);
      await sleep(LOOK_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  } finally {
    removeHandler();
    client.close();
  }
}

/** Finds what was sent since. It looks again at the last seconds, and leaves out what it has found. */
function follow(first: readonly Message[]) {
  let highest = first.at(-1)?.seq ?? 0;
  let hasLooked = false;
  const known = new Map(first.map((one) => [one.message_id, one.seq]));
  return {
    async next(client: Client, filters: object, me: Credentials | undefined): Promise<Message[]> {
      const fresh: Message[] = [];
      const isFirstLook = !hasLooked;
      const from = highest;
      let after: number | undefined = Math.max(1, highest - LATE_SEQ);
      while (after !== undefined) {
        const page: OutputOf<"messages"> = await client.callAny("messages", { ...filters, after, limit: PAGE }, me);
        fresh.push(...page.messages.filter((one) => !known.has(one.message_id)));
        after = page.next;
      }
      hasLooked = true;
      // Only now: what was asked for in vain is asked for again.
      for (const { message_id, seq } of fresh) {
        known.set(message_id, seq);
        highest = Math.max(highest, seq);
      }
      for (const [id, seq] of known) if (seq < highest - 2 * LATE_SEQ) known.delete(id);
      // Older than the latest ones that were shown first.
      return isFirstLook ? fresh.filter(({ seq }) => seq > from) : fresh;
    },
  };
}
