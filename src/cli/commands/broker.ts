/** `cct broker status`: the state of a broker, for its operator. */
import type { Command } from "commander";
import { loadConfig } from "../../platform/config.ts";
import { withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { example, toJson } from "../parts/output.ts";
import { brokerPage } from "../views/brokers.ts";

export function addBrokerCommands(program: Command, context: Context): void {
  program
    .command("broker")
    .description("Shows the state of a broker, for its operator.")
    .command("status")
    .addHelpText("after", example("broker status --json"))
    .description(
      "Shows whether the broker is ready, and if not, why; what its store holds and what waits in it. Exit code 1 when it is not ready.",
    )
    .option("--json", "as JSON")
    .action(async (options: { json?: boolean }) =>
      context.setExitCode(await brokerStatus(context, options.json ?? false)),
    );
}

/** Returns the exit code. */
function brokerStatus({ world, screen }: Context, json: boolean): Promise<number> {
  const config = loadConfig(world);
  return withClient(world, config, async (client) => {
    const status = await client.status();
    if (!status) {
      const where = config.broker?.join(", ") ?? config.home;
      if (json) screen.write(toJson({ ready: false, reasons: [`no broker runs for ${where}`] }));
      else screen.stderr.write(`cct: No broker runs for ${where}. Start one with: cct start\n`);
      return 1;
    }
    screen.write(json ? toJson(status) : brokerPage(status, client.inUse(), screen, world.now()));
    return status.ready ? 0 : 1;
  });
}
