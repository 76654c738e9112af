/** `cct notify`: how the broker notifies you of needs outside of CCT, and a test of that. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { Client } from "../../client/client.ts";
import type { OutputOf } from "../../operations/index.ts";
import { type Config, loadConfig } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { prepareHome } from "../../platform/home.ts";
import type { World } from "../../platform/world.ts";
import { type Channel, channels } from "../../rules/notifications.ts";
import { TEST_SENTENCE } from "../../rules/texts/needs.ts";
import { withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { desktopOf } from "../parts/desktop.ts";
import { example, paint, toJson } from "../parts/output.ts";
import { failureWords, noteOn, notifyStatus } from "../views/notify.ts";
import { addNotifyWatchCommand } from "./notify-watch.ts";

const LOOK_EVERY_MS = 250;
/** A sweep, an attempt, and the time that a busy machine adds. */
const PATIENCE_MS = 45_000;

export function addNotifyCommands(program: Command, context: Context): void {
  const { world, screen, setExitCode } = context;
  const withBroker = async (work: (client: Client) => Promise<void>): Promise<void> => {
    const config = loadConfig(world);
    prepareHome(config.home, world.user, false);
    await withClient(world, config, work);
  };
  const notify = program
    .command("notify")
    .description(
      "Notifies you outside of CCT of what needs you: by push (ntfy), by a webhook. Off until you set an address.",
    );
  notify
    .command("status", { isDefault: true })
    .addHelpText("after", example("notify status --json"))
    .description("Shows the channels of this broker, what they send, and how the last notifications went.")
    .option("--json", "as JSON")
    .action((options: { json?: boolean }) =>
      withBroker(async (client) => {
        const status = await client.call("notify_status", {});
        screen.write(options.json ? toJson(status) : notifyStatus(status, screen));
      }),
    );
  addNotifyWatchCommand(notify, context);
  notify
    .command("test")
    .addHelpText("after", example("notify test --channel ntfy"))
    .description("Sends a test through each channel, and reports how each went: status 1 if one failed.")
    .addOption(
      new Option("--channel <channel>", "only this one; desktop: what cct notify watch uses").choices([
        ...channels,
        DESKTOP,
      ]),
    )
    .option("--json", "the results as JSON")
    .action(async ({ channel, json }: { channel?: Channel | typeof DESKTOP; json?: boolean }) => {
      const report = (results: Result[]): void => {
        if (results.some(({ ok }) => !ok)) setExitCode(1);
        if (json) screen.write(toJson({ tests: results }));
        for (const { channel: name, place, ok, error } of json ? [] : results) {
          const mark = ok ? paint(screen, "green", "✓") : paint(screen, "red", "✗");
          screen.write(`${mark} ${name} (${place}): ${ok ? "arrived" : error}\n`);
        }
      };
      if (channel === DESKTOP) return report([await desktopTest(world)]);
      await withBroker(async (client) => {
        const { tests } = await client.call("notify_test", channel === undefined ? {} : { channel });
        report(await resultsOf(client, tests));
      });
    });
}

/** Not a channel of the broker: `cct notify watch` shows it. */
const DESKTOP = "desktop";

async function desktopTest(world: World): Promise<Result> {
  const desktop = desktopOf(world);
  const wrong = desktop
    ? await desktop.show({ title: "CCT", body: TEST_SENTENCE, isUrgent: false })
    : "there is no desktop here";
  const shown = { channel: DESKTOP, place: world.hostname };
  return wrong === undefined ? { ...shown, ok: true } : { ...shown, ok: false, error: wrong };
}

type Begun = OutputOf<"notify_test">["tests"];

interface Result {
  channel: string;
  place: string;
  ok: boolean;
  error?: string;
}

/** Waits until each test has ended. */
async function resultsOf(client: Client, begun: Begun): Promise<Result[]> {
  for (let waited = 0; ; waited += LOOK_EVERY_MS) {
    const status = await client.call("notify_status", {});
    const tests = begun.map((one) =>
      status.tests.find(({ notification_id }) => notification_id === one.notification_id),
    );
    const isOver = tests.every((test) => test === undefined || test.state === "idle" || test.state === "failed");
    if (isOver || waited >= PATIENCE_MS)
      return begun.map(({ channel }, i) => {
        const place = status.channels.find((one) => one.channel === channel)?.place ?? "";
        const wrong = wrongWith(tests[i]);
        return { channel, place, ok: wrong === undefined, ...(wrong === undefined ? {} : { error: wrong }) };
      });
    await sleep(LOOK_EVERY_MS);
  }
}

/** Why a test has not arrived. */
export function wrongWith(test: OutputOf<"notify_status">["tests"][number] | undefined): string | undefined {
  if (test === undefined) return "another test took its place";
  if (test.state === "idle") return undefined;
  if (test.state === "failed") return failureWords(test.error ?? "it failed", true);
  return test.attempts > 0 ? "it has not ended yet: see cct notify" : "no broker has tried it yet: see cct status";
}

/** What `cct doctor` says: a line for each channel; nothing where the broker has none, does not answer, or is for somebody else. */
export async function notificationsOf(world: World, config: Config) {
  const status = await withClient(world, config, (client) => client.call("notify_status", {})).catch(
    (error: unknown) => {
      if (error instanceof CctError) return undefined;
      throw error;
    },
  );
  return (status?.channels ?? []).map((way) => {
    const note = noteOn(way, status?.now ?? 0);
    const isWell = way.state === "idle" || way.state === "waiting";
    return {
      check: `notifications ${way.channel}`,
      verdict: isWell ? ("ok" as const) : ("warning" as const),
      found: `to ${way.place}${note === "" ? "" : `: ${note}`}${isWell ? "" : ". Try it with: cct notify test"}`,
      ...(isWell ? { short: null } : {}),
    };
  });
}
