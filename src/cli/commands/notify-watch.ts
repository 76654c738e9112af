/** `cct notify watch`: shows on this desktop what needs you, and that the broker is away. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { localClient } from "../../client/local.ts";
import { loadConfig } from "../../platform/config.ts";
import { escapeInvisible } from "../../rules/text.ts";
import { type Alert, createAlerts } from "../parts/alerts.ts";
import type { Context } from "../parts/context.ts";
import { desktopOf } from "../parts/desktop.ts";
import { clockTime, example } from "../parts/output.ts";

const LOOK_EVERY_MS = 2_000;

export function addNotifyWatchCommand(notify: Command, context: Context): void {
  notify
    .command("watch")
    .addHelpText("after", example("notify watch"))
    .description(
      "Shows on your desktop what needs you, and that the broker does not answer, until Ctrl-C. Each of them is a line here too.",
    )
    .option("--json", "each as a line of JSON")
    .action((options: { json?: boolean }) => watch(context, options.json ?? false));
}

async function watch({ world, screen, onSignal }: Context, json: boolean): Promise<void> {
  const config = loadConfig(world);
  const client = localClient(config, world);
  const desktop = desktopOf(world);
  const alerts = createAlerts(config);
  const stopping = new AbortController();
  const removeHandler = onSignal(["SIGINT", "SIGTERM"], () => stopping.abort(), { once: true });
  const complain = (what: string): void => screen.stderr.write(`cct: ${what}\n`);
  let hasComplained = desktop === undefined;
  if (!desktop) complain("there is no desktop here: what needs you is only printed.");

  async function show(alert: Alert): Promise<void> {
    const { kind, title, body, needs } = alert;
    const line = JSON.stringify({ at: world.now(), kind, title, body, need_ids: needs.map((need) => need.need_id) });
    screen.write(json ? `${escapeInvisible(line)}\n` : `${clockTime(world.now())} ${body.split("\n").join("; ")}\n`);
    const wrong = await desktop?.show(alert);
    if (wrong !== undefined && !hasComplained) complain(`not shown on the desktop: ${wrong}.`);
    hasComplained ||= wrong !== undefined;
  }

  async function look(): Promise<Alert | undefined> {
    try {
      const { needs, now } = await client.call("attention", { limit: 200 });
      return alerts.look(needs, now);
    } catch (error) {
      return alerts.failed(error, world.now());
    }
  }

  try {
    // A broker that is not there at the start is an error, as for other commands.
    await client.call("attention", { limit: 1 });
    while (!stopping.signal.aborted && (await screen.isOpen())) {
      const alert = await look();
      if (alert) await show(alert);
      await sleep(LOOK_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  } finally {
    removeHandler();
    client.close();
  }
}
