/** The `cct` command. Exit codes: 0 success, 1 failure (one line on standard error: what, and what next), 2 wrong usage. */
import { Command, CommanderError } from "commander";
import { homeOf } from "../platform/config.ts";
import { reasonOf } from "../platform/disk.ts";
import { CctError, errorLine, systemCode } from "../platform/errors.ts";
import type { World } from "../platform/world.ts";
import { oneLine } from "../rules/text.ts";
import { addBackupCommands } from "./commands/backup.ts";
import { addBrokerCommands } from "./commands/broker.ts";
import { addConfigCommands } from "./commands/config.ts";
import { demo } from "./commands/demo.ts";
import { doctor } from "./commands/doctor.ts";
import { addJoinCommand } from "./commands/join.ts";
import { addLanCommands } from "./commands/lan.ts";
import { addLifecycleCommands } from "./commands/lifecycle.ts";
import { addMigrateCommand } from "./commands/migrate.ts";
import { addOperationCommands } from "./commands/operations.ts";
import { addOutboxCommand } from "./commands/outbox.ts";
import { addServiceCommands } from "./commands/service.ts";
import { addSetupCommands } from "./commands/setup.ts";
import { arrangeHelp } from "./help.ts";
import type { Context, Launchers, Output, Terminal } from "./parts/context.ts";
import { example } from "./parts/output.ts";
import { UsageError } from "./parts/usage.ts";
import { withCommands } from "./parts/vocabulary.ts";

export { processTerminal } from "./terminal.ts";

/** All commands. `exitCode`: of the command that has run without an error. */
export function makeProgram(
  world: World,
  terminal: Terminal,
  launchers: Launchers,
): { program: Command; exitCode(): number } {
  const { stdout, stderr, onSignal, exit } = terminal;
  const colour = stdout.isTerminal && !world.env.NO_COLOR;
  let exitCode = 0;
  const context: Context = {
    world,
    screen: { write: stdout.write, stderr, colour, columns: stdout.columns || 1000 },
    launchers,
    readStdin: () => readText(terminal.stdin),
    stdinIsTerminal: terminal.stdin.isTerminal,
    onSignal,
    exit,
    setExitCode: (code) => {
      exitCode = code;
    },
  };
  const program = new Command("cct")
    .description("Claude Code Talk: coding-agent sessions that talk to each other")
    .version(world.version)
    .exitOverride()
    .configureOutput({
      writeOut: stdout.write,
      writeErr: stderr.write,
      getOutHelpWidth: () => helpWidth(stdout),
      getErrHelpWidth: () => helpWidth(stderr),
      getOutHasColors: () => colour,
      getErrHasColors: () => stderr.isTerminal && !world.env.NO_COLOR,
    });

  for (const add of [
    addSetupCommands,
    addLifecycleCommands,
    addBrokerCommands,
    addBackupCommands,
    addMigrateCommand,
    addOperationCommands,
    addOutboxCommand,
    addServiceCommands,
    addLanCommands,
    addJoinCommand,
    addConfigCommands,
  ])
    add(program, context);
  program
    .command("doctor")
    .addHelpText("after", example("doctor --json"))
    .description(
      "Checks everything that mail passes through. Covers Node, broker, home, Claude Code and the delivery ladder, and sends a probe message through all of them.",
    )
    .option("--json", "the findings as JSON")
    .action(async (options: { json?: boolean }) => {
      exitCode = await doctor(context, options.json ?? false);
    });
  program
    .command("demo")
    .addHelpText("after", example("demo"))
    .description(
      "Shows message delivery without Claude Code: a private broker, two session servers, one message each way through the hooks.",
    )
    .option("--json", "the timeline as JSON")
    .action(async (options: { json?: boolean }) => {
      await demo(context, options.json ?? false);
    });
  program.command("mcp").description("Runs the session server. Claude Code starts it, over standard input and output.");
  arrangeHelp(program);
  return { program, exitCode: () => exitCode };
}

/** Runs the command that `world.argv` names; answers with its exit code. */
export async function runCli(world: World, terminal: Terminal, launchers: Launchers): Promise<number> {
  const { stdout, stderr } = terminal;
  const { program, exitCode } = makeProgram(world, terminal, launchers);
  try {
    if (world.argv.length === 0) {
      stdout.write(program.helpInformation());
      return 0;
    }
    await program.parseAsync(world.argv, { from: "user" });
    return exitCode();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    stderr.write(`cct: ${oneLine(withCommands(systemProblem(error, world) ?? errorLine(error)), 4000)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

const helpWidth = ({ isTerminal, columns }: Output): number => (isTerminal && columns) || 80;

/** An error of the system that no part of the program has put into words: a full disk, a read-only home. */
function systemProblem(error: unknown, world: World): string | undefined {
  const code = systemCode(error);
  if (code === undefined || !(error instanceof Error)) return undefined;
  const place = "path" in error && typeof error.path === "string" ? error.path : `the home ${homeOf(world)}`;
  return `${place} cannot be used: ${reasonOf(code)}. Free some space, or correct the permissions, then run it again.`;
}

const MAX_STDIN_BYTES = 1024 * 1024;

async function readText(stdin: Terminal["stdin"]): Promise<string> {
  const bytes = await stdin.read(MAX_STDIN_BYTES);
  if (bytes.length > MAX_STDIN_BYTES)
    throw new CctError(
      "too_large",
      "Standard input has more than 1 MiB; a message has at most 64 KiB.",
      "Write the long part to a file and send its path.",
    );
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CctError(
      "bad_request",
      "Standard input is not UTF-8.",
      "Convert it first, for example with: iconv -f latin1 -t utf-8",
    );
  }
}
