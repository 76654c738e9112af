/** The broker's lifecycle: start, kill, status. */
import { type Command, Option } from "commander";
import type { BrokerHealth } from "../../client/client.ts";
import { currentBroker } from "../../client/local.ts";
import { callAllPages } from "../../client/pages.ts";
import { stopBroker } from "../../client/stop.ts";
import type { HealthAnswer } from "../../operations/surface/broker-status.ts";
import { type Config, loadConfig } from "../../platform/config.ts";
import { checkSettings } from "../../platform/config-file.ts";
import { CctError, errorBody } from "../../platform/errors.ts";
import { prepareHome } from "../../platform/home.ts";
import { isLoopback } from "../../platform/network.ts";
import { withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { example, toJson } from "../parts/output.ts";
import { asUsage } from "../parts/usage.ts";
import { brokerSummary, healthWords, isUp, placeOf, versionWords } from "../views/brokers.ts";

interface StartOptions {
  foreground?: boolean;
  jsonErrors?: boolean;
  host?: string;
  port?: string;
}

export function addLifecycleCommands(program: Command, context: Context): void {
  program
    .command("start")
    .addHelpText("after", example("start --port 7900"))
    .description("Starts the broker of this home unless it is running.")
    .option("--foreground", "run in the foreground until Ctrl-C or SIGTERM")
    .option("--host <address>", "address to listen on")
    .option("--port <number>", "port to listen on")
    // For the process that starts a broker in the background: it needs the error's code.
    .addOption(new Option("--json-errors", "with --foreground: write an error as JSON").hideHelp())
    .action(async (options: StartOptions) => {
      try {
        await start(context, options);
      } catch (error) {
        if (!options.jsonErrors || !(error instanceof CctError)) throw error;
        context.screen.stderr.write(`${JSON.stringify(errorBody(error))}\n`);
        context.setExitCode(1);
      }
    });
  program
    .command("kill")
    .addHelpText("after", example("kill"))
    .description("Stops the broker. Mail stays in the store; sessions reconnect when a broker runs again.")
    .action(() => stop(context));
  program
    .command("status")
    .addHelpText("after", example("status --json"))
    .description(
      "Shows whether the broker runs, where, and for how many sessions. Exit code 1 when it does not run, or is not ready.",
    )
    .option("--json", "as JSON")
    .action(async (options: { json?: boolean }) => context.setExitCode(await status(context, options.json ?? false)));
}

async function start(context: Context, options: StartOptions): Promise<void> {
  const { world, screen } = context;
  const { foreground, jsonErrors: _, ...flags } = options;
  asUsage(() => checkSettings(flags));
  const config = loadConfig(world, flags);
  if (foreground) return serve(context, config);
  prepareHome(config.home, world.user, true);
  await withClient(world, config, async (client) => {
    const { how, other } = await currentBroker(world, config, client);
    const about = await client.health();
    const where = `${client.inUse()}, ${placeOf(about ?? {})}`;
    const ignored = how === "was running" ? overlooked(flags, about) : undefined;
    if (ignored !== undefined)
      throw new CctError(
        "conflict",
        `A broker runs already, at ${where}: --${ignored} changes nothing.`,
        config.broker === undefined
          ? "To move it: cct kill, then this again."
          : "It is set with: cct config set broker",
      );
    if (config.broker !== undefined) return screen.write(`This machine uses the broker at ${where}. It runs.\n`);
    screen.write(
      `The broker ${how === "was running" ? "was running already" : "runs now"}: process ${about?.pid}, home ${about?.home}.\n`,
    );
    if (other !== undefined) screen.write(`${versionWords(how, other, world.version)}\n`);
  });
}

/** The option that a running broker does not follow, if there is one. */
function overlooked(
  { host, port }: StartOptions,
  { url, lan }: Partial<HealthAnswer> = {},
): "host" | "port" | undefined {
  // Only the broker of this home says where it listens.
  const at = url === undefined ? undefined : new URL(url);
  if (port !== undefined && Number(port) !== 0 && port !== at?.port) return "port";
  if (host === undefined) return undefined;
  const isThere = isLoopback(host)
    ? lan === undefined &&
      at?.hostname === (host === "localhost" ? "127.0.0.1" : new URL(`http://${bracketed(host)}`).hostname)
    : lan !== undefined &&
      (["0.0.0.0", "::"].includes(host) || lan.addresses.some((one) => one.startsWith(`${bracketed(host)}:`)));
  return isThere ? undefined : "host";
}

const bracketed = (host: string): string => (host.includes(":") ? `[${host}]` : host);

async function serve({ screen, launchers, onSignal }: Context, config: Config): Promise<void> {
  // Installed before the broker publishes its address: a reader may stop it at once, and it must shut down cleanly.
  const signalled = new Promise<void>((resolve) => {
    onSignal(["SIGINT", "SIGTERM", "SIGHUP"], () => resolve());
  });
  const broker = await launchers.startBroker(config);
  screen.write(`The broker listens on ${broker.url}. Ctrl-C ends it.\n`);
  const failure = await Promise.race([signalled, broker.ended]);
  await broker.close();
  if (failure) throw failure;
}

async function stop({ world, screen }: Context): Promise<void> {
  const stopped = await stopBroker(world, loadConfig(world));
  if (!stopped) return screen.write("No broker is running.\n");
  const how = stopped.forced ? "did not end by itself and was killed. What it accepted is stored" : "has ended";
  screen.write(`The broker, process ${stopped.pid}, ${how}.\n`);
}

/** Returns the exit code. */
function status({ world, screen }: Context, json: boolean): Promise<number> {
  const config = loadConfig(world);
  return withClient(world, config, async (client) => {
    const about = await client.health();
    const each = config.broker === undefined ? undefined : await client.healthOfEach();
    if (!about) {
      if (json) screen.write(toJson({ running: false, home: config.home, ...(each && { brokers: each.map(shape) }) }));
      else screen.stderr.write(`cct: ${notRunning(config)}\n`);
      return 1;
    }
    if (about.version === undefined)
      throw new CctError(
        "unauthorized",
        "The broker that answers rejects this home's token.",
        config.broker === undefined
          ? "Set another port: cct config set port <number>."
          : "This machine's token was revoked, or it never joined: ask for a join string.",
      );
    const inUse = client.inUse();
    const where = each && { broker: inUse, brokers: each.map(shape) };
    const state = await client.status();
    const { ready, reasons, messages, for_people } = state ?? {
      ready: false,
      reasons: ["It ended just now."],
      messages: null,
      for_people: null,
    };
    if (!ready) {
      if (json) screen.write(toJson({ running: true, ...about, ...where, ready, reasons }));
      else screen.stderr.write(`cct: The broker runs (${placeOf(about)}), but is not ready: ${reasons.join(" ")}\n`);
      return 1;
    }
    const { peers } = await callAllPages(client, "list_peers", { all: true });
    const live = peers.filter((peer) => peer.presence !== "offline").length;
    // A sum of the peers' own counts would be too low, because each is counted up to a limit.
    const waiting = (messages?.queued ?? 0) + (messages?.claimed ?? 0) - (for_people ?? 0);
    const unread = client.unread();
    if (json) {
      screen.write(toJson({ running: true, ...about, ...where, ready, peers: peers.length, live, waiting, unread }));
    } else {
      screen.write(
        brokerSummary(about, each, inUse, { live, offline: peers.length - live, waiting, unread }, screen, world.now()),
      );
      if (about.version !== world.version)
        screen.write(`${versionWords("was running", about.version, world.version)}\n`);
    }
    return 0;
  });
}

const notRunning = ({ broker, home }: Config): string =>
  broker === undefined
    ? `No broker runs for ${home}. Start one with: cct start`
    : `No broker answers at ${broker.join(" or ")}. Start it there, or see: cct config show`;

/** A configured broker in the JSON output. */
const shape = (one: BrokerHealth): Record<string, unknown> => ({
  url: one.url,
  up: isUp(one),
  ...(isUp(one) ? { name: one.about?.name, version: one.about?.version } : { why: healthWords(one) }),
});
