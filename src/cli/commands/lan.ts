/** Several machines: opens this machine's broker to others, and joins another machine's broker. */
import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { type Client, createClient } from "../../client/client.ts";
import { ensureBroker, localClient } from "../../client/local.ts";
import type { HealthAnswer, LanAccess } from "../../operations/surface/broker-status.ts";
import { type Config, loadConfig } from "../../platform/config.ts";
import { configPath, withSettings } from "../../platform/config-file.ts";
import { CctError } from "../../platform/errors.ts";
import { prepareHome, readTrusted, writeWhole } from "../../platform/home.ts";
import type { GivenSettings } from "../../platform/settings.ts";
import type { World } from "../../platform/world.ts";
import {
  formatFingerprint,
  type Invitation,
  readJoinString,
  type Scope,
  scopes,
  writeJoinString,
} from "../../rules/devices.ts";
import type { Context } from "../parts/context.ts";
import { clockTime, paint, toJson } from "../parts/output.ts";
import { stopBroker } from "./lifecycle.ts";
import { installHere } from "./setup.ts";

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
    .description(
      "Opens this machine's broker to other machines, over TLS, and prints a join string for one of them. Sessions here notice a reconnect.",
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
    .description("Closes the broker to other machines again. Their tokens stay valid for the next lan-start.")
    .action(() => lanStop(context));
  program
    .command("join <string>")
    .description(
      "Joins the broker that printed this join string: writes the configuration, checks the connection, installs CCT into Claude Code. A string of - is read from standard input.",
    )
    .option("--name <device>", "the name of this machine in the broker's list of devices (default: its host name)")
    .option("--no-install", "do not install into Claude Code")
    .option("--json", "as JSON")
    .action(async (word: string, options: { name?: string; install: boolean; json?: boolean }) =>
      join(context, word === "-" ? await context.readStdin() : word, options),
    );
  const device = program.commands.find((one) => one.name() === "device");
  device
    ?.command("invite")
    .description("Prints a new join string: for one machine, once, within 15 minutes.")
    .addOption(new Option("--scope <scope>", "what the machine may").choices([...scopes]).default("post"))
    .option("--json", "as JSON")
    .action((options: { scope: Scope; json?: boolean }) => invite(context, options));
}

async function lanStart({ world, screen }: Context, options: LanOptions): Promise<void> {
  if ((options.cert === undefined) !== (options.key === undefined))
    throw new CctError("bad_request", "--cert and --key go together.", "Give both files, or neither.");
  const config = loadConfig(world);
  refuseRemote(config);
  prepareHome(config.home, world.user, true);
  // The broker runs in another working directory.
  const absolute = (path: string): string => resolve(world.cwd, path);
  const settings = {
    host: options.host ?? world.env.CCT_HOST ?? "0.0.0.0",
    ...(options.port === undefined ? {} : { port: options.port }),
    plain_http: options.plain ? true : undefined,
    ...(options.cert === undefined ? {} : { cert: absolute(options.cert), key: absolute(options.key ?? "") }),
  };
  const client = localClient(config, world.random);
  try {
    const lan = await opened(world, config, settings, client);
    const { code, expires_at } = await client.call("invite_device", {});
    const shared = options.sharedToken ? await sharedToken(client) : undefined;
    const word = writeJoinString(invitation(lan, code));
    if (options.json) {
      return screen.write(
        toJson({ ...lan, join: word, expires_at, ...(shared ? { token: shared.token, device: shared.name } : {}) }),
      );
    }
    const [first = ""] = lan.addresses;
    screen.write(
      [
        `${paint(screen, "green", "✓")} other machines reach this broker at ${lan.addresses.join(", ")}`,
        lan.tls
          ? `  TLS, certificate SHA-256 ${formatFingerprint(lan.fingerprint ?? "")}`
          : `${paint(screen, "yellow", "!")} plain HTTP: anyone on the network path can read and change everything`,
        "",
        `On the other machine, once, before ${clockTime(expires_at)} UTC:`,
        "",
        `  cct join ${word}`,
        "",
        ...(shared
          ? [
              `Or, on any machine (until: cct device revoke ${shared.name}):`,
              "",
              `  cct config set broker ${lan.tls ? "" : "http://"}${first}`,
              ...(lan.fingerprint ? [`  cct config set fingerprint ${lan.fingerprint}`] : []),
              `  cct config set token ${shared.token}`,
              "",
            ]
          : []),
        "For one more machine: cct device invite. Who is in: cct device list. To close: cct lan-stop",
        "",
      ].join("\n"),
    );
  } finally {
    client.close();
  }
}

/** Restarts the broker with these settings and saves them. On failure, the previous settings and broker are restored. */
async function opened(world: World, before: Config, settings: GivenSettings, client: Client): Promise<LanAccess> {
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

const invitation = (lan: LanAccess, code: string): Invitation => ({ ...lan, code });

async function invite({ world, screen }: Context, options: { scope: Scope; json?: boolean }): Promise<void> {
  const client = localClient(loadConfig(world), world.random);
  try {
    const lan = lanOf(await client.health());
    const { code, expires_at, scope } = await client.call("invite_device", { scope: options.scope });
    const word = writeJoinString(invitation(lan, code));
    if (options.json) return screen.write(toJson({ join: word, scope, expires_at }));
    screen.write(`On the other machine, once, before ${clockTime(expires_at)} UTC:\n\n  cct join ${word}\n`);
  } finally {
    client.close();
  }
}

async function lanStop({ world, screen }: Context): Promise<void> {
  const config = loadConfig(world);
  refuseRemote(config);
  prepareHome(config.home, world.user, false);
  const settings = { host: undefined, plain_http: undefined };
  writeWhole(configPath(config.home), withSettings(config.home, settings), world.newId());
  const now = loadConfig(world);
  if ((await stopBroker(world, now)) === undefined)
    return screen.write("No broker was running; the next one listens on this machine only.\n");
  const client = localClient(now, world.random);
  try {
    await ensureBroker(world, now, client);
    screen.write(
      "The broker now listens on this machine only. Other machines' tokens stay valid: see cct device list.\n",
    );
  } finally {
    client.close();
  }
}

function refuseRemote(config: Config): void {
  if (config.broker === undefined) return;
  throw new CctError(
    "conflict",
    `This machine uses the broker at ${config.broker.join(" or ")}.`,
    "Open that one to others where it runs, or leave it first: cct config set broker",
  );
}

async function join(
  context: Context,
  word: string,
  options: { name?: string; install: boolean; json?: boolean },
): Promise<void> {
  const { world, screen } = context;
  const invitation = readJoinString(word);
  const { home } = loadConfig(world);
  prepareHome(home, world.user, true);
  const name = options.name ?? (world.hostname || "device");
  const { url, token } = await redeem(world, invitation, name);
  const { fingerprint } = invitation;
  writeWhole(configPath(home), withSettings(home, { broker: url, token, fingerprint }), world.newId());
  const config = loadConfig(world);
  const client = localClient(config, world.random);
  try {
    const about = await client.health();
    const { peers } = await client.call("list_peers", {});
    const { pools } = await client.call("list_pools", {});
    const live = peers.filter((peer) => peer.presence !== "offline").length;
    if (options.json) {
      screen.write(toJson({ broker: url, name: about?.name, peers: live, pools: pools.length }));
    } else {
      if (!invitation.tls)
        screen.write(
          `${paint(screen, "yellow", "!")} plain HTTP: anyone on the network path can read and change everything\n`,
        );
      screen.write(
        `${paint(screen, "green", "✓")} joined: ${count(live, "peer")}, ${count(pools.length, "pool")} on ${about?.name} (${url})\n`,
      );
    }
  } finally {
    client.close();
  }
  if (options.install) await installHere(context, config, options.json ?? false);
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;

/** Exchanges the invitation for a token, at the first of its addresses that answers. */
async function redeem(world: World, invitation: Invitation, name: string): Promise<{ url: string; token: string }> {
  const failures: string[] = [];
  for (const address of invitation.addresses) {
    const url = `${invitation.tls ? "https" : "http"}://${address}`;
    const { code: token, fingerprint } = invitation;
    const fingerprints = fingerprint === undefined ? undefined : [fingerprint];
    const client = createClient(() => ({ urls: [url], token, fingerprints }), world.random);
    try {
      const joined = await client.call("join_device", { name });
      return { url, token: joined.token };
    } catch (error) {
      // Skip addresses that are unreachable or have the wrong certificate; a refusal by the broker itself is final.
      if (!(error instanceof CctError) || error.code !== "unavailable") throw error;
      failures.push(error.message);
    } finally {
      client.close();
    }
  }
  throw new CctError(
    "unavailable",
    `The broker cannot be reached. ${failures.join(" ")}`,
    "Are both machines in one network, and does the firewall of the broker's machine let the port through? The join string is still valid.",
  );
}
