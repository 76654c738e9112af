/** `cct up`, `install` and `uninstall`. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { ensureBroker, localClient } from "../../client/local.ts";
import { claudePlaces, type FoundClaude, findClaude, tooOld } from "../../host/claude.ts";
import type { FileChange } from "../../host/files.ts";
import {
  chosenOptions,
  defaultOptions,
  type InstallOptions,
  install,
  type Plan,
  planInstall,
  planUninstall,
  uninstall,
} from "../../host/install.ts";
import { rungsOf } from "../../host/ladder.ts";
import type { HookKind } from "../../host/toolhooks.ts";
import { type Config, loadConfig } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { readIfThere } from "../../platform/files.ts";
import { paths, prepareHome } from "../../platform/home.ts";
import { withLock } from "../../platform/lock.ts";
import { isAlive } from "../../platform/process.ts";
import type { World } from "../../platform/world.ts";
import type { Context } from "../parts/context.ts";
import { count, example, paint, type Screen } from "../parts/output.ts";

interface InstallFlags {
  ask?: boolean;
  statusline: boolean;
  hooks?: HookKind;
  dryRun?: boolean;
}

export function addSetupCommands(program: Command, context: Context): void {
  program
    .command("up")
    .addHelpText("after", example("up"))
    .description("Starts the broker and installs CCT into Claude Code. Checks both; safe to repeat.")
    .action(() => up(context));
  program
    .command("install")
    .addHelpText("after", example("install --no-statusline"))
    .description("Installs CCT into Claude Code for all new sessions of this user.")
    .option("--ask", "keep Claude Code's permission prompts for CCT's own tools")
    .option("--no-statusline", "do not change the status line")
    .addOption(
      new Option("--hooks <kind>", "bash, or mcp_tool where bash starts slowly: calls of CCT's session server")
        .choices(["bash", "mcp_tool"])
        .default(undefined, "mcp_tool on Windows, else bash"),
    )
    .option("--dry-run", "only show what would change")
    .action((options: InstallFlags) => runInstall(context, options));
  program
    .command("uninstall")
    .addHelpText("after", example("uninstall --dry-run"))
    .description(
      "Removes CCT from Claude Code. Restores the files that install changed; mail and settings stay in the home.",
    )
    .option("--dry-run", "only show what would change")
    .action((options: { dryRun?: boolean }) => runUninstall(context, options.dryRun ?? false));
}

async function up(context: Context): Promise<void> {
  const { world, screen } = context;
  const config = loadConfig(world);
  prepareHome(config.home, world.user, true);
  const tick = paint(screen, "green", "✓");
  const client = localClient(config, world);
  try {
    const how = await ensureBroker(world, config, client);
    const about = await client.health();
    const where =
      config.broker === undefined
        ? `process ${about?.pid}, home ${about?.home}`
        : `${client.inUse()}, on ${about?.name}`;
    screen.write(`${tick} broker: ${how === "started" ? "started" : "already running"}, ${where}\n`);
  } finally {
    client.close();
  }
  const version = await installHere(context, config, false);
  if (version === undefined) return;
  screen.write(
    '\nNext: start Claude Code in two terminals and ask one of them: "list the peers and say hello to the other one".\n' +
      "Restart running sessions to give them CCT. See also: cct peers, cct messages, cct doctor.\n",
  );
}

/** Installs CCT into Claude Code with the options chosen before; returns the version of the `claude` on PATH. */
export async function installHere(
  { world, screen }: Context,
  config: Config,
  quiet: boolean,
): Promise<string | undefined> {
  const found = await claudeHere(world, screen);
  const { version } = found;
  const plan = await installNow(world, config, version, chosenOptions(config));
  if (quiet) return version;
  const tick = paint(screen, "green", "✓");
  const where = plan.method === "plugin" ? claudePlaces(world).plugin : claudePlaces(world).settings;
  screen.write(
    `${tick} Claude Code plugin: ${plan.changes.length > 0 ? `installed in ${where}` : `up to date in ${where}`}\n`,
  );
  const mark = paint(screen, "yellow", "!");
  if (version === undefined) {
    screen.write(
      `${mark} Claude Code itself was not found: ${found.problem}.\n` +
        `  ${found.next}, then run: cct up. To see CCT work without it: cct demo\n`,
    );
    return undefined;
  }
  const old = tooOld(version);
  if (old !== undefined) {
    screen.write(`${mark} ${old}, then run: cct up\n`);
    return undefined;
  }
  screen.write(
    `${tick} Claude Code ${version}: mail arrives by ${rungsOf(version)
      .map((rung) => rung.name)
      .join(", ")}\n`,
  );
  return version;
}

/** Asks the `claude` on PATH, and says so when it is slow to answer. */
export const claudeHere = (world: World, { stderr }: Pick<Screen, "stderr">): Promise<FoundClaude> =>
  findClaude(world, () => stderr.write("cct: waiting for 'claude --version' …\n"));

/** One install or uninstall of this home at a time. */
function withInstallLock<T>(world: World, { home }: Config, work: () => T): Promise<T> {
  const { installLock } = paths(home);
  const busy = (pid: number) =>
    new CctError(
      "conflict",
      `Another cct is installing (process ${pid}, ${installLock}).`,
      "Wait until it has finished.",
    );
  return withLock(installLock, world, busy, work);
}

/** Plans and installs under the lock: files half-written by another install must not be recorded as the user's own. */
function installNow(world: World, config: Config, version: string | undefined, options: InstallOptions): Promise<Plan> {
  return withInstallLock(world, config, () => {
    const plan = planInstall(world, config, version, options);
    install(world, config, plan);
    return plan;
  });
}

async function runInstall({ world, screen }: Context, flags: InstallFlags): Promise<void> {
  const config = loadConfig(world);
  const found = await claudeHere(world, screen);
  const { version } = found;
  const usual = defaultOptions();
  const options = {
    ask: flags.ask ?? false,
    statusLine: flags.statusline && usual.statusLine,
    hooks: flags.hooks ?? usual.hooks,
  };
  if (flags.dryRun) return listChanges(screen, planInstall(world, config, version, options).changes);
  prepareHome(config.home, world.user, true);
  const plan = await installNow(world, config, version, options);
  const old = version === undefined ? undefined : tooOld(version);
  const files = count(plan.changes.length, "file");
  if (plan.changes.length === 0) screen.write("CCT is already installed; nothing changed.\n");
  else
    screen.write(
      `CCT is installed (${files}). ${old === undefined ? "New sessions have it. " : ""}To remove it: cct uninstall\n`,
    );
  if (found.version === undefined) {
    const what = found.problem.replace(/^t/, "T");
    screen.write(`${what}. ${found.next}, then run: cct up\n`);
  }
  if (old !== undefined) screen.write(`${old}, then run: cct up\n`);
}

async function runUninstall({ world, screen }: Context, dryRun: boolean): Promise<void> {
  const config = loadConfig(world);
  if (dryRun) return listChanges(screen, planUninstall(world, config));
  prepareHome(config.home, world.user, false);
  const running = liveSessions(config);
  const count = await withInstallLock(world, config, () => {
    const changes = planUninstall(world, config);
    uninstall(world, config, changes, running > 0 && changes.length > 0);
    return changes.length;
  });
  if (count === 0) return screen.write("CCT is not installed; nothing changed.\n");
  screen.write("CCT was removed from Claude Code. Mail and settings stay in the home.\n");
  if (running > 0) {
    screen.write(
      `${running} running session${running === 1 ? "" : "s"} still use${running === 1 ? "s" : ""} the plugin: its empty folder stays until they end, because they report errors without it.\n`,
    );
  }
}

function listChanges(screen: Screen, changes: readonly FileChange[]): void {
  if (changes.length === 0) screen.write("Nothing would change.\n");
  for (const { path, content } of changes) {
    const what = content === undefined ? "remove" : readIfThere(path) === undefined ? "create" : "change";
    screen.write(`would ${what} ${path}\n`);
  }
}

/** Host processes with a running session server. */
function liveSessions(config: Config): number {
  const { spools } = paths(config.home);
  try {
    return readdirSync(spools).filter(
      (name) => /^\d+$/.test(name) && isAlive(Number(name)) && readIfThere(join(spools, name, "server")) !== undefined,
    ).length;
  } catch {
    return 0;
  }
}
