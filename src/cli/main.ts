/**
 * The `cct` command. Exit codes: 0 success, 1 failure (one line on standard error: what, and what next), 2 wrong usage, 124 when
 * what `--wait` waits for did not happen in time.
 */
import { Command, CommanderError } from "commander";
import { defaultHost, hosts } from "../hosts/index.ts";
import { homeOf } from "../platform/config.ts";
import { reasonOf } from "../platform/disk.ts";
import { errorLine, systemCode } from "../platform/errors.ts";
import type { World } from "../platform/world.ts";
import { oneLine } from "../rules/text.ts";
import { addBackupCommands } from "./commands/backup.ts";
import { addBrokerCommands } from "./commands/broker.ts";
import { addConfigCommands } from "./commands/config.ts";
import { demo } from "./commands/demo.ts";
import { doctor } from "./commands/doctor.ts";
import { addExportCommands } from "./commands/export.ts";
import { addInboxCommands } from "./commands/inbox.ts";
import { addJoinCommand } from "./commands/join.ts";
import { addLanCommands } from "./commands/lan.ts";
import { addLifecycleCommands } from "./commands/lifecycle.ts";
import { addMigrateCommand } from "./commands/migrate.ts";
import { addNotifyCommands } from "./commands/notify.ts";
import { addOpenCommand } from "./commands/open.ts";
import { addOperationCommands } from "./commands/operations.ts";
import { addOutboxCommand } from "./commands/outbox.ts";
import { addPurgeCommand } from "./commands/purge.ts";
import { addServiceCommands } from "./commands/service.ts";
import { addSetupCommands } from "./commands/setup.ts";
import { addTailCommand } from "./commands/tail.ts";
import { addWatchCommand } from "./commands/watch.ts";
import { arrangeHelp, requireKnown } from "./help.ts";
import type { Context, Launchers, Output, Terminal } from "./parts/context.ts";
import { example } from "./parts/output.ts";
import { textOfStdin, withDashedText } from "./parts/text.ts";
import { TimedOut, UsageError } from "./parts/usage.ts";
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
    screen: {
      write: stdout.write,
      isOpen: stdout.isOpen,
      isTerminal: stdout.isTerminal,
      stderr,
      colour,
      columns: widthOf(stdout, world),
    },
    launchers,
    readStdin: () => textOfStdin(terminal.stdin),
    readLine: terminal.stdin.line,
    readLines: terminal.stdin.lines,
    stdinIsTerminal: terminal.stdin.isTerminal,
    tty: terminal.tty,
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
    addOpenCommand,
    addNotifyCommands,
    addInboxCommands,
    addOutboxCommand,
    addTailCommand,
    addWatchCommand,
    addExportCommands,
    addPurgeCommand,
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
      "Checks everything that mail passes through. Covers Node, broker, home, the agents and the delivery ladder, and sends a probe message through all of them.",
    )
    .option("--verbose", "with processes, folders and each way of delivery")
    .option("--json", "the findings as JSON")
    .action(async (options: { json?: boolean; verbose?: boolean }) => {
      exitCode = await doctor(context, options);
    });
  program
    .command("demo")
    .addHelpText("after", example("demo"))
    .description(
      "Shows message delivery without any agent: a private broker, two session servers, one message each way through the hooks.",
    )
    .option("--json", "the timeline as JSON")
    .action(async (options: { json?: boolean }) => {
      await demo(context, options.json ?? false);
    });
  program
    .command("mcp")
    .description("Runs the session server. The coding agent starts it, over standard input and output.")
    .option(
      "--host <name>",
      `the agent that starts it: ${hosts.map(({ name }) => name).join(", ")}, or another name`,
      defaultHost.name,
    );
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
    requireKnown(program, world.argv);
    await program.parseAsync(withDashedText(world.argv), { from: "user" });
    return exitCode();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    stderr.write(`cct: ${oneLine(withCommands(systemProblem(error, world) ?? errorLine(error)), 4000)}\n`);
    return error instanceof UsageError ? 2 : error instanceof TimedOut ? 124 : 1;
  }
}

/** The width of the terminal. `COLUMNS` wins, as in other programs. Without a terminal nothing needs to fit. */
const widthOf = ({ isTerminal, columns }: Output, { env }: World): number =>
  isTerminal ? Number(/^[1-9]\d{0,4}$/.exec(env.COLUMNS ?? "")?.[0] ?? (columns || 80)) : Number.POSITIVE_INFINITY;

const helpWidth = ({ isTerminal, columns }: Output): number => (isTerminal && columns) || 80;

/** An error of the system that no part of the program has put into words: a full disk, a read-only home. */
function systemProblem(error: unknown, world: World): string | undefined {
  const code = systemCode(error);
  // Others have codes as well: an error of SQL says nothing about the disk.
  if (code === undefined || !(error instanceof Error) || !("syscall" in error)) return undefined;
  const place = "path" in error && typeof error.path === "string" ? error.path : `the home ${homeOf(world)}`;
  return `${place} cannot be used: ${reasonOf(code)}. Free some space, or correct the permissions, then run it again.`;
}
