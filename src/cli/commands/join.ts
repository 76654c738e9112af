/** `cct join`: joins the broker of another machine. */
import type { Command } from "commander";
import { createClient } from "../../client/client.ts";
import { callAllPages } from "../../client/pages.ts";
import { loadConfig } from "../../platform/config.ts";
import { changeSettings } from "../../platform/config-file.ts";
import { CctError } from "../../platform/errors.ts";
import { prepareHome } from "../../platform/home.ts";
import type { World } from "../../platform/world.ts";
import { type Invitation, readJoinString } from "../../rules/devices.ts";
import { withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { count, example, paint, toJson } from "../parts/output.ts";
import { plainHttpWarning } from "../views/lan.ts";
import { installHere } from "./setup.ts";

interface JoinOptions {
  name?: string;
  install: boolean;
  json?: boolean;
}

export function addJoinCommand(program: Command, context: Context): void {
  program
    .command("join <string>")
    .addHelpText("after", example("join cct-join-1.Wy… --name studio"))
    .description(
      "Joins the broker that printed this join string: writes the configuration, checks the connection, installs CCT into Claude Code. A string of - is read from standard input.",
    )
    .option("--name <device>", "the name of this machine in the broker's list of devices (default: its host name)")
    .option("--no-install", "do not install into Claude Code")
    .option("--json", "as JSON")
    .action(async (word: string, options: JoinOptions) =>
      join(context, word === "-" ? await context.readStdin() : word, options),
    );
}

async function join(context: Context, joinString: string, options: JoinOptions): Promise<void> {
  const { world, screen } = context;
  const invitation = readJoinString(joinString);
  const { home } = loadConfig(world);
  prepareHome(home, world.user, true);
  const { url, token } = await redeem(world, invitation, options.name ?? (world.hostname || "device"));
  const { fingerprint, tls } = invitation;
  await changeSettings(world, home, { broker: url, token, fingerprint });
  const config = loadConfig(world);
  await withClient(world, config, async (client) => {
    const about = await client.health();
    const { peers } = await callAllPages(client, "list_peers", {});
    const { pools } = await callAllPages(client, "list_pools", {});
    const live = peers.filter((peer) => peer.presence !== "offline").length;
    if (options.json) return screen.write(toJson({ broker: url, name: about?.name, peers: live, pools: pools.length }));
    if (!tls) screen.write(plainHttpWarning(screen));
    screen.write(
      `${paint(screen, "green", "✓")} joined: ${count(live, "peer")}, ${count(pools.length, "pool")} on ${about?.name} (${url})\n`,
    );
  });
  if (options.install) await installHere(context, config, { quiet: options.json ?? false });
}

/** Exchanges the invitation for a token, at the first of its addresses that answers. */
async function redeem(world: World, invitation: Invitation, name: string): Promise<{ url: string; token: string }> {
  const failures: string[] = [];
  for (const address of invitation.addresses) {
    const url = `${invitation.tls ? "https" : "http"}://${address}`;
    const { code: token, fingerprint } = invitation;
    const fingerprints = fingerprint === undefined ? undefined : [fingerprint];
    const client = createClient(() => ({ urls: [url], token, fingerprints }), world);
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
