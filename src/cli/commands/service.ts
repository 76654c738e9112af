/** `cct service`: registers and lists infrastructure such as dev servers and databases. */
import type { Command } from "commander";
import type { Client } from "../../client/client.ts";
import { callAllPages } from "../../client/pages.ts";
import { probeAndRenew } from "../../client/services.ts";
import type { Credentials } from "../../operations/core/identity.ts";
import { loadConfig } from "../../platform/config.ts";
import { prepareHome } from "../../platform/home.ts";
import type { World } from "../../platform/world.ts";
import { actor } from "../parts/actor.ts";
import { withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { example, toJson } from "../parts/output.ts";
import { inWordsOf } from "../parts/usage.ts";
import { registered, services, unregistered } from "../views/services.ts";
import { wholeNumber } from "./options.ts";
import { runWithService } from "./service-run.ts";

interface Registering {
  name?: string;
  ttl?: number;
  health?: string;
}

/** TTL of a service whose command was killed without unregistering. */
const RUN_TTL_S = 60;

export function addServiceCommands(program: Command, context: Context): void {
  const { world, screen } = context;
  const service = program
    .command("service")
    .description("Registers and lists dev servers, databases, browsers. Lists the services of all sessions.");

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
    .addHelpText("after", example("service register web http://localhost:5173"))
    .description(
      "Registers a service. In a session's shell the session owns and renews it; otherwise it is yours and goes stale after its TTL (an hour).",
    )
    .option("--json", "the service as JSON")
    .action((kind: string, url: string, options: Registering & { json?: boolean }) =>
      withBroker(world, "register", async (client, as) => {
        const made = await client.call("register_service", registration(world, kind, url, options), as);
        const probed = await probeAndRenew(client, { ...made, health_path: options.health }, as);
        screen.write(options.json ? toJson(probed) : registered(probed, world.now()));
      }),
    );

  service
    .command("unregister <service>")
    .addHelpText("after", example("service unregister web"))
    .description("Removes a service, by its name, URL or the start of its id.")
    .option("--json", "the service as JSON")
    .action((which: string, options: { json?: boolean }) =>
      withBroker(world, "unregister", async (client, as) => {
        const gone = await client.call("unregister_service", { service: which }, as);
        screen.write(options.json ? toJson(gone) : unregistered(gone));
      }),
    );

  service
    .command("list")
    .addHelpText("after", example("service list --kind web"))
    .description("Lists every service with its owner and health.")
    .option("--kind <kind>", "only this kind")
    .option("--json", "as JSON")
    .action((options: { kind?: string; json?: boolean }) =>
      withBroker(world, "list", async (client, as) => {
        const answer = await callAllPages(
          client,
          "list_services",
          options.kind === undefined ? {} : { kind: options.kind },
          as,
        );
        screen.write(options.json ? toJson(answer) : services(answer.services, options.kind, screen, world.now()));
      }),
    );

  registering(service.command("run <kind> <command...>"))
    .addHelpText("after", example("service run web --url http://localhost:5173 -- npm run dev"))
    .description(
      "Runs a command and keeps its service registered until it ends. Input, output, signals and exit code are the command's.",
    )
    .requiredOption("--url <url>", "where the service will be")
    .action((kind: string, command: string[], options: Registering & { url: string }) =>
      withBroker(world, "run", async (client, as) => {
        const wanted = {
          ...registration(world, kind, options.url, options),
          ttl_seconds: options.ttl ?? RUN_TTL_S,
          service_id: world.newId(),
        };
        context.setExitCode(await runWithService(context, client, as, wanted, command));
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

/** What the commands call the inputs of their operations. */
const WORDS = {
  kind: "<kind>",
  url: "<url>",
  service: "<service>",
  name: "--name",
  ttl_seconds: "--ttl",
  health_path: "--health",
};

function withBroker(
  world: World,
  command: string,
  work: (client: Client, as: Credentials | undefined) => Promise<void>,
): Promise<void> {
  const config = loadConfig(world);
  prepareHome(config.home, world.user, false);
  return withClient(world, config, (client) => work(client, actor(world, config))).catch((error: unknown) => {
    throw inWordsOf(error, WORDS, `cct service ${command}`);
  });
}
