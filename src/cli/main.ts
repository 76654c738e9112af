/** The `cct` command. Exit codes: 0 done, 1 it failed (one line on standard error: what, and what next), 2 wrong usage. */
import { Command, CommanderError } from "commander";
import { errorLine } from "../platform/errors.ts";
import type { World } from "../platform/world.ts";
import { oneLine } from "../rules/text.ts";
import { addBrokerCommands } from "./commands/broker.ts";
import { addConfigCommands } from "./commands/config.ts";
import { demo } from "./commands/demo.ts";
import { doctor } from "./commands/doctor.ts";
import { addLanCommands } from "./commands/lan.ts";
import { addLifecycleCommands } from "./commands/lifecycle.ts";
import { addMigrateCommand } from "./commands/migrate.ts";
import { addOperationCommands } from "./commands/operations.ts";
import { addOutboxCommand } from "./commands/outbox.ts";
import { addServiceCommands } from "./commands/service.ts";
import { addSetupCommands } from "./commands/setup.ts";
import { arrangeHelp } from "./help.ts";
import type { Launchers } from "./parts/launchers.ts";
import type { Screen } from "./parts/output.ts";

export async function runCli(world: World, launchers: Launchers): Promise<number> {
  const screen: Screen = {
    write: (text) => void process.stdout.write(text),
    colour: Boolean(process.stdout.isTTY) && !world.env.NO_COLOR,
    columns: process.stdout.columns || 1000,
  };
  // A reader that goes away (`cct messages | head`) is no failure.
  process.stdout.on("error", (error) => process.exit("code" in error && error.code === "EPIPE" ? 0 : 1));

  let status = 0;
  const program = new Command("cct")
    .description("Claude Code Talk: coding-agent sessions that talk to each other")
    .version(world.version)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "cct: ")) })
    .showHelpAfterError("(see: cct --help)");

  addSetupCommands(program, world, screen);
  addLifecycleCommands(program, world, screen, launchers, (code) => {
    status = code;
  });
  addBrokerCommands(program, world, screen, (code) => {
    status = code;
  });
  addMigrateCommand(program, world, screen, launchers);
  addOperationCommands(program, world, screen, readStdin);
  addOutboxCommand(program, world, screen);
  addServiceCommands(program, world, screen, (code) => {
    status = code;
  });
  addLanCommands(program, world, screen, readStdin);
  addConfigCommands(program, world, screen, readStdin);
  program
    .command("doctor")
    .description(
      "Checks node, broker, home, Claude Code and the delivery ladder, and sends a probe message through all of it.",
    )
    .option("--json", "the findings as JSON")
    .action(async (options: { json?: boolean }) => {
      status = await doctor(world, screen, options.json ?? false);
    });
  program
    .command("demo")
    .description(
      "Shows the main job without Claude Code: a private broker, two session servers, a message each way through the hooks.",
    )
    .option("--json", "the timeline as JSON")
    .action(async (options: { json?: boolean }) => {
      await demo(world, screen, options.json ?? false);
    });
  program.command("mcp").description("The session server: Claude Code starts it, over standard input and output.");
  arrangeHelp(program);

  try {
    if (world.argv.length === 0) {
      screen.write(program.helpInformation());
      return 0;
    }
    await program.parseAsync(world.argv, { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`cct: ${oneLine(errorLine(error), 4000)}\n`);
    return 1;
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
}
