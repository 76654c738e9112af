/** `cct up`, `install` and `uninstall`. */
import { existsSync, readdirSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { type Command, Option } from "commander";
import { currentBroker, localClient } from "../../client/local.ts";
import { claudePlaces, type FoundClaude, findClaude, tooOld } from "../../host/claude.ts";
import {
  chosenOptions,
  defaultOptions,
  hasOldHooks,
  type InstallOptions,
  install,
  installedVersion,
  newerInstall,
  type Plan,
  planInstall,
  planUninstall,
  statusLineByHand,
  uninstall,
} from "../../host/install.ts";
import { CLAUDE, hostNames, otherInstalls } from "../../host/installs.ts";
import { deliveryWords, rungsOf } from "../../host/ladder.ts";
import type { HookKind } from "../../host/toolhooks.ts";
import { type Config, loadConfig } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { readIfThere, writeWhole } from "../../platform/files.ts";
import { paths, prepareHome } from "../../platform/home.ts";
import { isAlive } from "../../platform/process.ts";
import type { World } from "../../platform/world.ts";
import { isOlder } from "../../rules/versions.ts";
import type { Context } from "../parts/context.ts";
import { count, example, paint, type Screen } from "../parts/output.ts";
import { wrap } from "../parts/table.ts";
import { versionWords } from "../views/brokers.ts";
import { installOther, offerOthers, renewOthers, uninstallOther } from "./setup-others.ts";
import { listChanges, withInstallLock } from "./setup-parts.ts";

interface InstallFlags {
  ask?: boolean;
  statusline: boolean;
  hooks?: HookKind;
  dryRun?: boolean;
  trust?: boolean;
  host: string;
}

const hostOption = (): Option => new Option("--host <name>", "the coding agent").choices(hostNames).default(CLAUDE);
const otherNamed = (host: string) => otherInstalls.find(({ name }) => name === host);

export function addSetupCommands(program: Command, context: Context): void {
  program
    .command("up")
    .addHelpText("after", example("up"))
    .description(
      "Starts the broker and installs CCT into Claude Code. Checks both, and offers other agents; safe to repeat.",
    )
    .option("--verbose", "with processes, folders and the ways in which mail is delivered")
    .action((options: { verbose?: boolean }) => up(context, options.verbose ?? false));
  program
    .command("install")
    .addHelpText("after", example("install --no-statusline"))
    .description("Installs CCT into Claude Code or another agent. All new sessions of this user have it.")
    .option("--ask", "keep Claude Code's permission prompts for CCT's own tools")
    .option("--no-statusline", "do not change the status line")
    .addOption(hostOption())
    .addOption(
      new Option("--hooks <kind>", "bash, or mcp_tool where bash starts slowly: calls of CCT's session server")
        .choices(["bash", "mcp_tool"])
        .default(undefined, "mcp_tool on Windows, else bash"),
    )
    .option("--trust", "Codex: say that you trust CCT's hooks, instead of being asked")
    .option("--dry-run", "only show what would change")
    .action((options: InstallFlags) => {
      const other = otherNamed(options.host);
      const { statusline: statusLine, trust, dryRun = false } = options;
      return other ? installOther(context, other, { statusLine, trust, dryRun }) : runInstall(context, options);
    });
  program
    .command("uninstall")
    .addHelpText("after", example("uninstall --dry-run"))
    .description(
      "Removes CCT from Claude Code or another agent. Restores the files that install changed; mail and settings stay in the home.",
    )
    .addOption(hostOption())
    .option("--dry-run", "only show what would change")
    .action(({ host, dryRun = false }: { host: string; dryRun?: boolean }) => {
      const other = otherNamed(host);
      return other ? uninstallOther(context, other, dryRun) : runUninstall(context, dryRun);
    });
}

async function up(context: Context, verbose: boolean): Promise<void> {
  const { world, screen } = context;
  const config = loadConfig(world);
  prepareHome(config.home, world.user, true);
  const tick = paint(screen, "green", "✓");
  const client = localClient(config, world);
  try {
    const { how, other } = await currentBroker(world, config, client);
    const about = await client.health();
    const where = config.broker === undefined ? "" : `, on ${about?.name}`;
    const details =
      config.broker === undefined ? `, process ${about?.pid}, home ${about?.home}` : ` (${client.inUse()})`;
    const words = { started: "started", replaced: "replaced", "was running": "already running" }[how];
    screen.write(`${wrap(screen, `${tick} Broker: ${words}${where}${verbose ? details : ""}`)}\n`);
    if (other !== undefined) screen.write(`${wrap(screen, `  ${versionWords(how, other, world.version)}`)}\n`);
  } finally {
    client.close();
  }
  const version = await installHere(context, config, { verbose });
  await renewOthers(context, config);
  await offerOthers(context, config);
  const agents = [
    ...(version === undefined ? [] : ["Claude Code"]),
    ...otherInstalls.filter((one) => one.isInstalled(world)).map(({ title }) => title),
  ];
  if (agents.length === 0) return;
  const next = [
    `Next: start ${agents.join(" or ")} in two terminals and ask one of them: "list the peers and say hello to the other one".`,
    "Restart running sessions to give them CCT. They can write to you: cct inbox. See also: cct peers, cct doctor.",
    ...(isOnPath(world)
      ? []
      : [
          `Your shell does not find cct yet: run npm link in ${world.root}, or write node ${join(world.root, "dist", "bin.js")} for cct.`,
        ]),
  ];
  screen.write(`\n${next.map((line) => `${wrap(screen, line)}\n`).join("")}`);
}

/** Whether a shell finds the command. */
const isOnPath = ({ env }: World): boolean =>
  (env.PATH ?? "").split(delimiter).some((folder) => isAbsolute(folder) && existsSync(join(folder, "cct")));

/** Installs CCT into Claude Code with the options chosen before; returns the version of the `claude` on PATH. */
export async function installHere(
  { world, screen }: Context,
  config: Config,
  { quiet = false, verbose = false }: { quiet?: boolean; verbose?: boolean },
): Promise<string | undefined> {
  const say = (line: string): void => screen.write(`${wrap(screen, line)}\n`);
  const found = await claudeHere(world, screen);
  const { version } = found;
  const newer = newerInstall(world);
  if (newer !== undefined) {
    if (!quiet)
      say(
        `${paint(screen, "yellow", "!")} CCT in Claude Code: version ${newer} stays, and this command is ${world.version}. Update this command.`,
      );
    return version;
  }
  const before = installedVersion(world);
  const plan = await installNow(world, config, version, chosenOptions(config));
  const isRenewed = before !== undefined && isOlder(before, world.version);
  const told = isRenewed ? tellSessions(world, config, before) : 0;
  if (quiet) return version;
  const tick = paint(screen, "green", "✓");
  const where = plan.method === "plugin" ? claudePlaces(world).plugin : claudePlaces(world).settings;
  say(
    `${tick} CCT in Claude Code: ${plan.changes.length > 0 ? "installed" : "up to date"}${verbose ? `, in ${where}` : ""}`,
  );
  sayLeftOut({ world, screen }, plan);
  if (isRenewed) {
    const rest = told === 0 ? "" : ` ${count(told, "running session")} told: they keep ${before} until they end.`;
    say(`  It replaces version ${before}, and is ${world.version}.${rest}`);
  }
  const mark = paint(screen, "yellow", "!");
  if (version === undefined) {
    say(`${mark} Claude Code itself was not found: ${found.problem}.`);
    say(`  ${found.next}, then run: cct up. To see CCT work without it: cct demo`);
    return undefined;
  }
  const old = tooOld(version);
  if (old !== undefined) {
    say(`${mark} ${old}, then run: cct up`);
    return undefined;
  }
  say(`${tick} Claude Code ${version}: ${deliveryWords(version)}`);
  if (verbose) for (const { name, moment } of rungsOf(version)) say(`    ${name}: ${moment}`);
  return version;
}

/** Says what a plugin's install could not do in the settings. */
function sayLeftOut({ world, screen }: Pick<Context, "world" | "screen">, { leftOut, options }: Plan): void {
  if (!leftOut) return;
  const mark = paint(screen, "yellow", "!");
  const { settings } = claudePlaces(world);
  if (options.statusLine)
    screen.write(
      `${mark} The status line was left out: ${leftOut.message} ${leftOut.hint ?? ""}\n` +
        `  To add it by hand, put this into ${settings}, or install with --no-statusline:\n` +
        `${statusLineByHand(world)}\n`,
    );
  if (hasOldHooks(world))
    screen.write(
      `${mark} Hooks of an earlier install stay beside the plugin's: ${leftOut.message} ` +
        `Remove the entries from ${settings} whose command ends with "# cct".\n`,
    );
}

/** Asks the `claude` on PATH, and says so when it is slow to answer. */
export const claudeHere = (world: World, { stderr }: Pick<Screen, "stderr">): Promise<FoundClaude> =>
  findClaude(world, () => stderr.write("cct: waiting for 'claude --version' …\n"));

/** Plans and installs under the lock: files half-written by another install must not be recorded as the user's own. */
function installNow(world: World, config: Config, version: string | undefined, options: InstallOptions): Promise<Plan> {
  return withInstallLock(world, config, () => {
    const plan = planInstall(world, config, version, options);
    return install(world, config, plan);
  });
}

async function runInstall({ world, screen }: Context, flags: InstallFlags): Promise<void> {
  const config = loadConfig(world);
  const newer = newerInstall(world);
  if (newer !== undefined)
    throw new CctError(
      "conflict",
      `Version ${newer} of CCT is installed, and this command is ${world.version}.`,
      "Update this command; to go back to it: cct uninstall, then cct install.",
    );
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
  sayLeftOut({ world, screen }, plan);
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
  const running = liveSessions(config).length;
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

/** Leaves a line for the user of each running session, which its hooks show once. Returns how many there are. */
function tellSessions(world: World, config: Config, before: string): number {
  const line =
    `CCT was updated from ${before} to ${world.version}. This session keeps ${before} until it is started again ` +
    "(claude --continue), or until /mcp reconnects plugin:cct:cct.";
  return liveSessions(config).filter((spool) => {
    try {
      // Where the line about mail stands that woke the session.
      writeWhole(join(spool, "woke"), `${JSON.stringify(line)}\n`, world.newId());
      // Hooks look for nothing without this mark.
      writeWhole(join(spool, "due"), "", world.newId());
      return true;
    } catch {
      // It has just ended.
      return false;
    }
  }).length;
}

/** Spools of host processes with a running session server. */
function liveSessions(config: Config): string[] {
  const { spools } = paths(config.home);
  try {
    return readdirSync(spools)
      .filter((name) => /^\d+$/.test(name) && isAlive(Number(name)))
      .map((name) => join(spools, name))
      .filter((spool) => readIfThere(join(spool, "server")) !== undefined);
  } catch {
    return [];
  }
}
