/** Opens this machine's broker to other machines and closes it: `cct lan-start`, `lan-stop`, `device invite`. */
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { Client } from "../../client/client.ts";
import { ensureBroker } from "../../client/local.ts";
import { callAllPages } from "../../client/pages.ts";
import { stopBroker } from "../../client/stop.ts";
import type { HealthAnswer, LanAccess } from "../../operations/surface/broker-status.ts";
import { cannotListenOn, ownAddresses } from "../../platform/addresses.ts";
import { type Config, loadConfig } from "../../platform/config.ts";
import { changeSettings, checkSettings } from "../../platform/config-file.ts";
import { CctError } from "../../platform/errors.ts";
import { prepareHome } from "../../platform/home.ts";
import { isLoopback } from "../../platform/network.ts";
import { type GivenSettings, variableOf } from "../../platform/settings.ts";
import type { World } from "../../platform/world.ts";
import { type Scope, scopes, writeJoinString } from "../../rules/devices.ts";
import { withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { example, toJson } from "../parts/output.ts";
import { asUsage, UsageError } from "../parts/usage.ts";
import { joinWith, lanOpened } from "../views/lan.ts";

interface LanOptions {
  host?: string;
  port?: string;
  plain?: boolean;
  cert?: string;
  key?: string;
  sharedToken?: boolean;
  json?: boolean;
}

export function addLanCommands(program: Command, context: Context): void {
  program
    .command("lan-start")
    .addHelpText("after", example("lan-start --host 0.0.0.0"))
    .description(
      "Opens this machine's broker to other machines. Uses TLS, and prints a join string for one of them. Sessions here notice a reconnect.",
    )
    .option("--host <address>", "address to listen on (default: all of this machine)")
    .option("--port <number>", "port to listen on")
    .option("--plain", "without TLS: anyone on the network path can read and change everything")
    .option("--cert <file>", "your own certificate (PEM) instead of one that CCT makes")
    .option("--key <file>", "its private key (PEM)")
    .option("--shared-token", "also print a token that any machine can use, until you revoke it")
    .option("--json", "as JSON")
    .action((options: LanOptions) => lanStart(context, options));
  program
    .command("lan-stop")
    .addHelpText("after", example("lan-stop"))
    .description("Closes the broker to other machines again. Their tokens stay valid for the next lan-start.")
    .action(() => lanStop(context));
  const device = program.commands.find((one) => one.name() === "device");
  device
    ?.command("invite")
    .addHelpText("after", example("device invite --scope post"))
    .description("Prints a new join string: for one machine, once, within 15 minutes.")
    .addOption(new Option("--scope <scope>", "what the machine may do").choices([...scopes]).default("post"))
    .option("--json", "as JSON")
    .action((options: { scope: Scope; json?: boolean }) => invite(context, options));
}

async function lanStart({ world, screen }: Context, options: LanOptions): Promise<void> {
  const config = loadConfig(world);
  refuseRemote(config);
  const settings = lanSettings(world, config, options);
  asUsage(() => checkSettings(settings));
  refuseOverridden(world, options);
  await refuseHost(config, settings);
  prepareHome(config.home, world.user, true);
  await withClient(world, config, async (client) => {
    const lan = await restartWith(world, config, settings, async (after) => {
      await ensureBroker(world, after, client);
      return lanOf(await client.health());
    });
    const { code, expires_at } = await client.call("invite_device", {});
    const shared = options.sharedToken ? await sharedToken(client) : undefined;
    const join = writeJoinString({ ...lan, code });
    const token = shared && { token: shared.token, device: shared.name };
    screen.write(
      options.json ? toJson({ ...lan, join, expires_at, ...token }) : lanOpened(lan, join, expires_at, shared, screen),
    );
  });
}

function lanSettings(world: World, config: Config, { host, port, plain, cert, key }: LanOptions): GivenSettings {
  if ((cert === undefined) !== (key === undefined))
    throw new UsageError("--cert and --key go together.", "Give both files, or neither.");
  // The broker runs in another working directory.
  const absolute = (path: string): string => resolve(world.cwd, path);
  return {
    // The next lan-start opens no more than the one before.
    host: host ?? (isLoopback(config.host) && !world.env.CCT_HOST ? "0.0.0.0" : config.host),
    ...(port !== undefined && { port }),
    plain_http: plain ? true : undefined,
    ...(cert !== undefined && key !== undefined && { cert: absolute(cert), key: absolute(key) }),
  };
}

/** Refuses an option that a variable of this environment overrides. */
function refuseOverridden(world: World, { host, port }: LanOptions): void {
  for (const name of ["host", "port"] as const) {
    const variable = world.env[variableOf(name)];
    const wanted = { host, port }[name];
    if (variable && wanted !== undefined && variable !== wanted)
      throw new CctError(
        "conflict",
        `${variableOf(name)} is ${variable} here, and it wins over --${name} ${wanted}.`,
        `Unset ${variableOf(name)}, or leave out --${name}.`,
      );
  }
}

/** Refuses an address that other machines cannot reach, or that is not this machine's, before anything changes. */
async function refuseHost({ host: before }: Config, { host }: GivenSettings): Promise<void> {
  const address = String(host);
  const own = ownAddresses(["IPv4", "IPv6"]);
  const choices = `Leave out --host for all addresses of this machine${own.length > 0 ? `, or name one of them: ${own.join(", ")}` : ""}.`;
  if (isLoopback(address))
    throw new UsageError(`Other machines cannot reach ${address}: it is this machine only.`, choices);
  const problem = address === before ? undefined : await cannotListenOn(address);
  if (problem !== undefined) throw new UsageError(`No broker can listen on ${address} here (${problem}).`, choices);
}

/**
 * Ends the broker, changes these settings and runs `start` with the result. On failure, the settings and the broker are
 * what they were before.
 */
async function restartWith<T>(
  world: World,
  before: Config,
  settings: GivenSettings,
  start: (after: Config, ran: boolean) => Promise<T>,
): Promise<T> {
  const previous = await changeSettings(world, before.home, settings);
  let ran = false;
  try {
    ran = (await stopBroker(world, before)) !== undefined;
    return await start(loadConfig(world), ran);
  } catch (error) {
    await changeSettings(world, before.home, previous);
    // What has started with the new settings.
    await stopBroker(world, before).catch(() => {});
    if (ran) await withClient(world, before, (client) => ensureBroker(world, before, client)).catch(() => {});
    throw error;
  }
}

/** Creates the token that any machine may use. It is shown once; the broker keeps only its hash. */
async function sharedToken(client: Client): Promise<{ token: string; name: string }> {
  const { devices } = await callAllPages(client, "list_devices", {});
  if (!devices.some((one) => one.name === SHARED)) return client.call("add_device", { name: SHARED });
  throw new CctError(
    "conflict",
    "A shared token exists already; the broker keeps only its hash and cannot show it again.",
    `For a new one: cct device revoke ${SHARED}, then this again.`,
  );
}

const SHARED = "shared";

function lanOf(about: HealthAnswer | undefined): LanAccess {
  const lan = about?.lan;
  if (!lan)
    throw new CctError("conflict", "The broker listens on this machine only.", "Open it to others: cct lan-start");
  if (lan.addresses.length > 0) return lan;
  throw new CctError(
    "unavailable",
    "This machine has no address that others can reach.",
    "Connect it to a network, or name an address: cct lan-start --host <address>.",
  );
}

async function invite({ world, screen }: Context, options: { scope: Scope; json?: boolean }): Promise<void> {
  await withClient(world, loadConfig(world), async (client) => {
    const lan = lanOf(await client.health());
    const { code, expires_at, scope } = await client.call("invite_device", { scope: options.scope });
    const join = writeJoinString({ ...lan, code });
    screen.write(options.json ? toJson({ join, scope, expires_at }) : joinWith(join, expires_at));
  });
}

async function lanStop({ world, screen }: Context): Promise<void> {
  const before = loadConfig(world);
  refuseRemote(before);
  prepareHome(before.home, world.user, false);
  const { CCT_HOST: variable } = world.env;
  if (variable && !isLoopback(variable))
    throw new CctError("conflict", `CCT_HOST is ${variable} here, so the broker would stay open.`, "Unset CCT_HOST.");
  const closed = { host: undefined, plain_http: undefined };
  const ran = await restartWith(world, before, closed, async (after, ran) => {
    if (ran) await withClient(world, after, (client) => ensureBroker(world, after, client));
    return ran;
  });
  screen.write(
    ran
      ? "The broker now listens on this machine only. Other machines' tokens stay valid: see cct device list.\n"
      : "No broker was running; the next one listens on this machine only.\n",
  );
}

function refuseRemote(config: Config): void {
  if (config.broker === undefined) return;
  throw new CctError(
    "conflict",
    `This machine uses the broker at ${config.broker.join(" or ")}.`,
    "Open that one to others where it runs, or leave it first: cct config set broker",
  );
}
