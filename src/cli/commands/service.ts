/** `cct service`: registers and lists infrastructure such as dev servers and databases. */
import { type Command, InvalidArgumentError } from "commander";
import type { Client } from "../../client/client.ts";
import { localClient } from "../../client/local.ts";
import { probeAndRenew } from "../../client/services.ts";
import type { Credentials } from "../../operations/core/identity.ts";
import type { OutputOf } from "../../operations/index.ts";
import { loadConfig } from "../../platform/config.ts";
import { prepareHome } from "../../platform/home.ts";
import type { World } from "../../platform/world.ts";
import { oneLine } from "../../rules/text.ts";
import { actor } from "../parts/actor.ts";
import type { Context } from "../parts/context.ts";
import { type Screen, span, table, toJson } from "../parts/output.ts";
import { runWithService } from "./service-run.ts";

interface Registering {
  name?: string;
  ttl?: number;
  health?: string;
}

type Service = OutputOf<"list_services">["services"][number];

/** TTL of a service whose command was killed without unregistering. */
const RUN_TTL_S = 60;

export function addServiceCommands(program: Command, { world, screen, onSignal, setExitCode }: Context): void {
  const service = program
    .command("service")
    .description("Registers services (dev servers, databases, browsers …), and lists those of all sessions.");

  /** Adds the options of a registration. */
  const registering = (command: Command): Command =>
    command
      .option("--name <name>", "default: the kind")
      .option("--ttl <seconds>", "lifetime without renewal", wholeNumber)
      .option(
        "--health <path>",
        "path that answers 2xx or 3xx while the service is well; without it, its port is tried",
      );

  registering(service.command("register <kind> <url>"))
    .description(
      "Registers a service. In a session's shell the session owns and renews it; otherwise it is yours and goes stale after its TTL (an hour).",
    )
    .option("--json", "the service as JSON")
    .action((kind: string, url: string, options: Registering & { json?: boolean }) =>
      withBroker(world, async (client, as) => {
        const made = await client.call("register_service", registration(world, kind, url, options), as);
        const probed = await probeAndRenew(client, { ...made, health_path: options.health }, as);
        const { name, health, service_id, expires_at } = probed;
        screen.write(
          options.json
            ? toJson(probed)
            : `${oneLine(`${name} is registered for ${span(expires_at - world.now())}, ${health}: ${probed.url} (${service_id.slice(0, 8)})`, 2500)}\n`,
        );
      }),
    );

  service
    .command("unregister <service>")
    .description("Removes a service, by its name, URL or the start of its id.")
    .option("--json", "the service as JSON")
    .action((which: string, options: { json?: boolean }) =>
      withBroker(world, async (client, as) => {
        const gone = await client.call("unregister_service", { service: which }, as);
        screen.write(
          options.json ? toJson(gone) : `${oneLine(`${gone.name} is no longer registered: ${gone.url}`, 2500)}\n`,
        );
      }),
    );

  service
    .command("list")
    .description("Lists every service with its owner and health.")
    .option("--kind <kind>", "only this kind")
    .option("--json", "as JSON")
    .action((options: { kind?: string; json?: boolean }) =>
      withBroker(world, async (client, as) => {
        const answer = await client.call("list_services", options.kind === undefined ? {} : { kind: options.kind }, as);
        screen.write(options.json ? toJson(answer) : services(answer.services, screen, world.now()));
      }),
    );

  registering(service.command("run <kind> <command...>"))
    .description(
      "Runs a command and keeps its service registered until it ends. Input, output, signals and exit code are the command's.",
    )
    .requiredOption("--url <url>", "where the service will be")
    .action((kind: string, command: string[], options: Registering & { url: string }) =>
      withBroker(world, async (client, as) => {
        const wanted = {
          ...registration(world, kind, options.url, options),
          ttl_seconds: options.ttl ?? RUN_TTL_S,
          service_id: world.newId(),
        };
        setExitCode(await runWithService(client, as, wanted, command, onSignal));
      }),
    );
}

function registration(world: World, kind: string, url: string, { name, ttl, health }: Registering) {
  return {
    kind,
    url,
    host: world.hostname,
    ...(name === undefined ? {} : { name }),
    ...(ttl === undefined ? {} : { ttl_seconds: ttl }),
    ...(health === undefined ? {} : { health_path: health }),
  };
}

async function withBroker(
  world: World,
  work: (client: Client, as: Credentials | undefined) => Promise<void>,
): Promise<void> {
  const config = loadConfig(world);
  prepareHome(config.home, world.user, false);
  const client = localClient(config, world.random);
  try {
    await work(client, actor(world, config));
  } finally {
    client.close();
  }
}

function wholeNumber(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(value);
}

function services(all: Service[], screen: Screen, now: number): string {
  if (all.length === 0) return "No service is registered. Register one with: cct service register <kind> <url>\n";
  const rows = all.map((service) => [
    service.service_id.slice(0, 8),
    service.name,
    service.kind,
    service.owner_name,
    service.health,
    service.health_at === null ? "" : `${span(now - service.health_at)} ago`,
    service.health === "stale" ? "" : `in ${span(service.expires_at - now)}`,
    service.host,
    service.url,
  ]);
  return table(screen, ["ID", "NAME", "KIND", "OWNER", "HEALTH", "PROBED", "EXPIRES", "MACHINE", "URL"], rows);
}
