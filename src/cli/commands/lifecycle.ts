/** The broker's lifecycle: start, kill, status. */
import { type Command, Option } from "commander";
import type { BrokerHealth } from "../../client/client.ts";
import { ensureBroker, localClient } from "../../client/local.ts";
import { type Config, loadConfig } from "../../platform/config.ts";
import { CctError, errorBody, systemCode } from "../../platform/errors.ts";
import { prepareHome } from "../../platform/home.ts";
import { isAlive, terminate } from "../../platform/process.ts";
import type { World } from "../../platform/world.ts";
import type { Context } from "../parts/context.ts";
import { clockTime, paint, toJson } from "../parts/output.ts";

interface StartOptions {
  foreground?: boolean;
  jsonErrors?: boolean;
  host?: string;
  port?: string;
}

export function addLifecycleCommands(program: Command, context: Context): void {
  program
    .command("start")
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
    .description("Stops the broker. Mail stays in the store; sessions reconnect when a broker runs again.")
    .action(() => stop(context));
  program
    .command("status")
    .description("Shows whether the broker runs, where, and for how many sessions. Exit code 1 when it does not run.")
    .option("--json", "as JSON")
    .action(async (options: { json?: boolean }) => context.setExitCode(await status(context, options.json ?? false)));
}

async function start(context: Context, options: StartOptions): Promise<void> {
  const { world, screen } = context;
  const { foreground, jsonErrors: _, ...flags } = options;
  const config = loadConfig(world, flags);
  if (foreground) return serve(context, config);
  prepareHome(config.home, world.user, true);
  const client = localClient(config, world.random);
  try {
    const how = await ensureBroker(world, config, client);
    const about = await client.health();
    if (config.broker !== undefined)
      return screen.write(`This machine uses the broker at ${client.inUse()}, on ${about?.name}. It runs.\n`);
    screen.write(
      `The broker ${how === "started" ? "runs now" : "was running already"}: process ${about?.pid}, home ${about?.home}.\n`,
    );
  } finally {
    client.close();
  }
}

async function serve({ screen, launchers, onSignal }: Context, config: Config): Promise<void> {
  // Installed before the broker publishes its address: a reader may stop it at once, and it must shut down cleanly.
  const told = new Promise<void>((resolve) => {
    onSignal(["SIGINT", "SIGTERM", "SIGHUP"], () => resolve());
  });
  const broker = await launchers.startBroker(config);
  screen.write(`The broker listens on ${broker.url}. Ctrl-C ends it.\n`);
  await Promise.race([told, broker.abandoned]);
  await broker.close();
}

const STOP_MS = 10_000;

async function stop({ world, screen }: Context): Promise<void> {
  const pid = await stopBroker(world, loadConfig(world));
  screen.write(pid === undefined ? "No broker is running.\n" : `The broker, process ${pid}, has ended.\n`);
}

/** Stops the broker of this home and waits; returns its process id, or `undefined` when none ran. */
export async function stopBroker(world: World, config: Config): Promise<number | undefined> {
  // A process id from another machine means nothing here.
  if (config.broker !== undefined)
    throw new CctError(
      "conflict",
      `The broker at ${config.broker.join(" or ")} is not this home's.`,
      "Stop it where it runs.",
    );
  const client = localClient(config, world.random);
  try {
    const about = await client.health();
    // Ask the broker for its pid: the number in the broker file may belong to another process by now.
    const pid = about?.pid;
    if (typeof pid !== "number") return undefined;
    try {
      terminate(pid);
    } catch (error) {
      throw new CctError(
        "forbidden",
        `The broker, process ${pid}, cannot be signalled (${systemCode(error)}).`,
        "Stop it as the user who started it.",
      );
    }
    for (const deadline = world.now() + STOP_MS; isAlive(pid); ) {
      if (world.now() > deadline)
        throw new CctError("unavailable", `The broker, process ${pid}, has not ended yet.`, "See its log in the home.");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return pid;
  } finally {
    client.close();
  }
}

async function status({ world, screen }: Context, json: boolean): Promise<number> {
  const config = loadConfig(world);
  const client = localClient(config, world.random);
  try {
    const about = await client.health();
    const each = config.broker === undefined ? undefined : await client.healthOfEach();
    if (!about) {
      if (json) screen.write(toJson({ running: false, home: config.home, ...(each && { brokers: each.map(shape) }) }));
      else
        screen.stderr.write(
          config.broker === undefined
            ? `cct: No broker runs for ${config.home}. Start one with: cct start\n`
            : `cct: No broker answers at ${config.broker.join(" or ")}. Start it there, or see: cct config show\n`,
        );
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
    const { peers } = await client.call("list_peers", {});
    const live = peers.filter((peer) => peer.presence !== "offline").length;
    const waiting = peers.reduce((sum, peer) => sum + peer.waiting, 0);
    if (json) {
      const where = each && { broker: inUse, brokers: each.map(shape) };
      screen.write(toJson({ running: true, ...about, ...where, peers: peers.length, live, waiting }));
      return 0;
    }
    screen.write(
      [
        `${paint(screen, "green", "running")}  ${about.pid === undefined ? `on ${about.name}` : `process ${about.pid}`}, version ${about.version}, since ${clockTime(Number(about.started_at))} UTC`,
        ...(each === undefined ? [`home     ${about.home}`] : brokerLines(each, inUse)),
        ...(about.lan ? [`open to  other machines, at ${about.lan.addresses.join(", ")}`] : []),
        `peers    ${live} live, ${peers.length - live} offline`,
        `mail     ${waiting} waiting`,
        "",
      ].join("\n"),
    );
    return 0;
  } finally {
    client.close();
  }
}

/** The health of a broker in a few words. */
export function wordsOf({ about, problem }: BrokerHealth): string {
  if (problem) return problem.message;
  return about?.version === undefined
    ? "does not take this machine's token"
    : `on ${about.name}, version ${about.version}`;
}

export const isUp = ({ about }: BrokerHealth): boolean => about?.version !== undefined;

/** The broker in use first; other commands and sessions may use the others. */
function brokerLines(each: readonly BrokerHealth[], inUse: string | undefined): string[] {
  const others = each.filter(({ url }) => url !== inUse);
  return [`broker   ${inUse}`, ...others.map((one) => `or       ${one.url} (${wordsOf(one)})`)];
}

const shape = (one: BrokerHealth): Record<string, unknown> => ({
  url: one.url,
  up: isUp(one),
  ...(isUp(one) ? { name: one.about?.name, version: one.about?.version } : { why: wordsOf(one) }),
});
