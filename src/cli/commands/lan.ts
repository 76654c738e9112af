/** Opens this machine's broker to other machines and closes it: `cct lan-start`, `lan-stop`, `device invite`. */
import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { Client } from "../../client/client.ts";
import { ensureBroker } from "../../client/local.ts";
import type { HealthAnswer, LanAccess } from "../../operations/surface/broker-status.ts";
import { type Config, loadConfig } from "../../platform/config.ts";
import { configPath, withSettings } from "../../platform/config-file.ts";
import { CctError } from "../../platform/errors.ts";
import { prepareHome, readTrusted, writeWhole } from "../../platform/home.ts";
import type { GivenSettings } from "../../platform/settings.ts";
import type { World } from "../../platform/world.ts";
import { type Scope, scopes, writeJoinString } from "../../rules/devices.ts";
import { stopBroker, withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { example, toJson } from "../parts/output.ts";
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
  const settings = lanSettings(world, options);
  prepareHome(config.home, world.user, true);
  await withClient(world, config, async (client) => {
    const lan = await restartWith(world, config, settings, client);
    const { code, expires_at } = await client.call("invite_device", {});
    const shared = options.sharedToken ? await sharedToken(client) : undefined;
    const join = writeJoinString({ ...lan, code });
    const token = shared && { token: shared.token, device: shared.name };
    screen.write(
      options.json ? toJson({ ...lan, join, expires_at, ...token }) : lanOpened(lan, join, expires_at, shared, screen),
    );
  });
}

function lanSettings(world: World, { host, port, plain, cert, key }: LanOptions): GivenSettings {
  if ((cert === undefined) !== (key === undefined))
    throw new CctError("bad_request", "--cert and --key go together.", "Give both files, or neither.");
  // The broker runs in another working directory.
  const absolute = (path: string): string => resolve(world.cwd, path);
  return {
    host: host ?? world.env.CCT_HOST ?? "0.0.0.0",
    ...(port !== undefined && { port }),
    plain_http: plain ? true : undefined,
    ...(cert !== undefined && key !== undefined && { cert: absolute(cert), key: absolute(key) }),
  };
}

/** Restarts the broker with these settings and saves them. On failure, the previous settings and broker are restored. */
async function restartWith(world: World, before: Config, settings: GivenSettings, client: Client): Promise<LanAccess> {
  const path = configPath(before.home);
  const text = readTrusted(path);
  const change = (content: string | undefined): void =>
    content === undefined ? rmSync(path, { force: true }) : writeWhole(path, content, world.newId());
  change(withSettings(before.home, settings));
  const ran = (await stopBroker(world, before)) !== undefined;
  try {
    await ensureBroker(world, loadConfig(world), client);
    return lanOf(await client.health());
  } catch (error) {
    change(text);
    await stopBroker(world, before);
    if (ran) await ensureBroker(world, before, client);
    throw error;
  }
}

/** Creates the token that any machine may use. It is shown once; the broker keeps only its hash. */
async function sharedToken(client: Client): Promise<{ token: string; name: string }> {
  const { devices } = await client.call("list_devices", {});
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
  const settings = { host: undefined, plain_http: undefined };
  writeWhole(configPath(before.home), withSettings(before.home, settings), world.newId());
  const config = loadConfig(world);
  if ((await stopBroker(world, config)) === undefined)
    return screen.write("No broker was running; the next one listens on this machine only.\n");
  await withClient(world, config, (client) => ensureBroker(world, config, client));
  screen.write(
    "The broker now listens on this machine only. Other machines' tokens stay valid: see cct device list.\n",
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
