/** `cct install --host …` and `cct uninstall --host …`, for hosts besides Claude Code, and what `cct up` does about them. */
import type { HostInstall } from "../../host/host-install.ts";
import { otherInstalls } from "../../host/installs.ts";
import { type Config, loadConfig } from "../../platform/config.ts";
import { readIfThere, writeWhole } from "../../platform/files.ts";
import { paths, prepareHome } from "../../platform/home.ts";
import type { World } from "../../platform/world.ts";
import { isOlder } from "../../rules/versions.ts";
import { saysYes } from "../parts/ask.ts";
import type { Context } from "../parts/context.ts";
import { count, paint } from "../parts/output.ts";
import { wrap } from "../parts/table.ts";
import { listChanges, withInstallLock } from "./setup-parts.ts";

export async function installOther(
  context: Context,
  host: HostInstall,
  { dryRun = false, ...given }: { dryRun?: boolean; statusLine?: boolean; trust?: boolean | undefined } = {},
): Promise<void> {
  const { world, screen } = context;
  const { hookTrust } = host;
  const trust = given.trust ?? (!dryRun && hookTrust && !hookTrust.isGiven(world) && (await asks(context, hookTrust)));
  const options = { ...given, trust: trust === true };
  const config = loadConfig(world);
  if (dryRun) return listChanges(screen, host.plan(world, options));
  prepareHome(config.home, world.user, true);
  const files = await withInstallLock(world, config, () => host.install(world, options));
  const remove = `cct uninstall --host ${host.name}`;
  screen.write(
    files === 0
      ? `CCT is already installed in ${host.title}; nothing changed.\n`
      : `CCT is installed in ${host.title} (${count(files, "file")}). New sessions have it. To remove it: ${remove}\n`,
  );
  if (hookTrust && !hookTrust.isGiven(world)) screen.write(`${hookTrust.missing}\n`);
}

/** Asks whether the user trusts CCT's hooks, where somebody can answer. */
const asks = async (context: Context, { about }: NonNullable<HostInstall["hookTrust"]>): Promise<boolean> =>
  context.stdinIsTerminal && saysYes(context, `${about.join("\n")}\nTrust them?`);

export async function uninstallOther({ world, screen }: Context, host: HostInstall, dryRun: boolean): Promise<void> {
  const config = loadConfig(world);
  if (dryRun) return listChanges(screen, host.planRemoval(world));
  prepareHome(config.home, world.user, false);
  const files = await withInstallLock(world, config, () => host.uninstall(world));
  screen.write(
    files === 0
      ? `CCT is not installed in ${host.title}; nothing changed.\n`
      : `CCT was removed from ${host.title}. Mail and settings stay in the home.\n`,
  );
}

/** Brings installs up to date. */
export async function renewOthers({ world, screen }: Context, config: Config): Promise<void> {
  const tick = paint(screen, "green", "✓");
  for (const host of otherInstalls.filter((one) => one.isInstalled(world))) {
    const files = await withInstallLock(world, config, () => host.install(world));
    const what = files > 0 ? "installed" : "up to date";
    screen.write(`${wrap(screen, `${tick} CCT in ${host.title}: ${what}, in ${host.folder(world)}`)}\n`);
    if (host.hookTrust && !host.hookTrust.isGiven(world))
      screen.write(`${wrap(screen, `  ${host.hookTrust.missing}`)}\n`);
  }
}

/** Says which other hosts are on this machine. At a terminal it asks whether to install into each, once. */
export async function offerOthers(context: Context, { home }: Config): Promise<void> {
  const { world, screen } = context;
  const { installAsked } = paths(home);
  const asked = (readIfThere(installAsked) ?? "").split("\n").filter(Boolean);
  for (const host of otherInstalls.filter(({ name }) => !asked.includes(name))) {
    const version = host.isInstalled(world) ? undefined : host.found(world)?.version;
    if (version === undefined) continue;
    const what = `${host.title} ${version} is on this machine, too.`;
    if (!context.stdinIsTerminal) {
      screen.write(`${wrap(screen, `  ${what} For its sessions: cct install --host ${host.name}`)}\n`);
      continue;
    }
    const isWanted = await saysYes(context, `${what} Install CCT into it?`);
    asked.push(host.name);
    writeWhole(installAsked, `${asked.join("\n")}\n`, world.newId());
    if (isWanted) await installOther(context, host);
  }
}

/** What `cct doctor` says of a host that CCT is installed in. */
export function otherFinding(world: World, host: HostInstall): { isWell: boolean; found: string; short?: string } {
  if (host.plan(world).length > 0) return { isWell: false, found: "CCT in it is not up to date. Fix it with: cct up" };
  if (host.hookTrust && !host.hookTrust.isGiven(world)) return { isWell: false, found: host.hookTrust.missing };
  const [oldest] = host.tried;
  const newest = host.tried.at(-1) ?? oldest;
  const there = host.found(world);
  const where = `${host.limit ? `${host.limit}. ` : ""}CCT lies in ${host.folder(world)}`;
  if (!there) return { isWell: false, found: `it is not on this machine any more. ${where}` };
  const { version } = there;
  if (version === undefined)
    return { isWell: true, found: `of an unknown version. ${where}`, short: "CCT is installed" };
  if (isOlder(version, oldest))
    return { isWell: false, found: `${version} is older than ${oldest}, the oldest version that was tried. Update it` };
  const tried = host.tried.includes(version) ? "tried" : `not tried: it is treated like ${newest}`;
  return { isWell: true, found: `${version}, ${tried}. ${where}`, short: `${version}, ${tried}` };
}
