/** `cct watch`: a terminal UI for the person who runs many sessions. Its code is loaded by this command only. */
import type { Command } from "commander";
import { ensureBroker } from "../../client/local.ts";
import { loadConfig } from "../../platform/config.ts";
import { prepareHome } from "../../platform/home.ts";
import { actor } from "../parts/actor.ts";
import { alertsOnDesktop } from "../parts/alerts.ts";
import { withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { example } from "../parts/output.ts";
import { UsageError } from "../parts/usage.ts";

export function addWatchCommand(program: Command, context: Context): void {
  program
    .command("watch")
    .addHelpText("after", "\nIt is for people and has no --json.\nPrograms: cct attention --json, cct tail --json")
    .addHelpText("after", example("watch"))
    .description(
      "Shows who needs you and what is said, live. Answer, write and decide there, also over ssh, without a mouse; ? lists the keys. It waits for a broker that is away.",
    )
    .option("--notify", "show what needs you on the desktop too")
    .action((options: { notify?: boolean }) => watchAll(context, options.notify ?? false));
}

async function watchAll({ world, screen, stdinIsTerminal, tty, onSignal }: Context, notify: boolean): Promise<void> {
  if (!screen.isTerminal || !stdinIsTerminal)
    throw new UsageError("cct watch needs a terminal for its screen and keys.", "In a pipe, use: cct tail");
  const { TERM: kind } = world.env;
  if (kind === "dumb" || !kind)
    throw new UsageError("This terminal (TERM=dumb) has no screen that could be drawn on.", "Use: cct tail");
  const config = loadConfig(world);
  if (actor(world, config))
    throw new UsageError(
      "This is a session's shell, and cct watch is a person's.",
      "Open another terminal; a session sees the others with: cct peers",
    );
  const alert = notify ? alertsOnDesktop(world, config) : undefined;
  prepareHome(config.home, world.user, false);
  await withClient(world, config, async (client) => {
    await ensureBroker(world, config, client);
    const { readOverview, watch } = await import("../../watch/main.ts");
    // What is wrong now is an error of the command; what goes wrong later, a line on the screen.
    const overview = await readOverview(client);
    const attention = await client.call("attention", {});
    const broker = (await client.status())?.name ?? "";
    let removeHandler = (): void => {};
    const ended = new Promise<void>((resolve) => {
      removeHandler = onSignal(["SIGINT", "SIGTERM", "SIGHUP"], () => resolve(), { once: true });
    });
    try {
      await watch({ world, client, tty: tty(), colour: screen.colour, broker, overview, attention, alert, ended });
    } finally {
      removeHandler();
    }
  });
}
