/** `cct doctor`: checks everything that mail passes through, and sends a probe message. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { localClient } from "../../client/local.ts";
import { callAllPages } from "../../client/pages.ts";
import { claudePlaces, tooOld } from "../../host/claude.ts";
import { chosenOptions, installedMethod, newerInstall, planInstall } from "../../host/install.ts";
import { otherInstalls } from "../../host/installs.ts";
import { deliveryWords, ladder, rungsOf } from "../../host/ladder.ts";
import { type StatusLineState, statusLineState } from "../../host/statusline.ts";
import { type Config, homeOf, loadConfig } from "../../platform/config.ts";
import { writeError } from "../../platform/disk.ts";
import { CctError, errorLine } from "../../platform/errors.ts";
import { writeWhole } from "../../platform/files.ts";
import { paths, prepareHome } from "../../platform/home.ts";
import type { World } from "../../platform/world.ts";
import { CALM_MS } from "../../rules/clock.ts";
import { countText } from "../../rules/counted.ts";
import type { Context, Launchers } from "../parts/context.ts";
import { count, paint, type Screen, toJson } from "../parts/output.ts";
import { probe } from "../parts/probe.ts";
import { wrap } from "../parts/table.ts";
import { agentLines } from "../views/agents.ts";
import { clockWords, healthWords, isUp, placeOf } from "../views/brokers.ts";
import { notificationsOf } from "./notify.ts";
import { claudeHere } from "./setup.ts";
import { otherFinding } from "./setup-others.ts";

type Verdict = "ok" | "warning" | "failed";

interface Finding {
  check: string;
  verdict: Verdict;
  /** The result, and what to do when it is a problem. */
  found: string;
  /** The same for a newcomer. `null`: only for `--verbose`. */
  short?: string | null;
}

interface DoctorOptions {
  json?: boolean;
  /** With what only helps to find a fault: processes, folders, each rung. */
  verbose?: boolean;
}

/** Prints the findings; returns 1 when a check failed. */
export async function doctor({ world, screen, launchers }: Context, options: DoctorOptions): Promise<number> {
  const { json = false, verbose = false } = options;
  const findings: Finding[] = [];
  const marks: Record<Verdict, string> = {
    ok: paint(screen, "green", "✓"),
    warning: paint(screen, "yellow", "!"),
    failed: paint(screen, "red", "✗"),
  };
  const report = (finding: Finding): void => {
    findings.push(finding);
    const { check, verdict, found, short } = finding;
    if (json || (!verbose && short === null)) return;
    screen.write(`${wrap(screen, `${marks[verdict]} ${check}: ${verbose ? found : (short ?? found)}`)}\n`);
  };
  const check = async (name: string, look: () => Promise<Finding[]> | Finding[]): Promise<void> => {
    try {
      for (const finding of await look()) report(finding);
    } catch (error) {
      report({ check: name, verdict: "failed", found: errorLine(error) });
    }
  };
  const one = (check: string, verdict: Verdict, found: string, short?: string): Finding[] => [
    { check, verdict, found, ...(short === undefined ? {} : { short }) },
  ];

  await check("node", () => one("node", "ok", `${world.nodeVersion} (${world.node})`, world.nodeVersion));
  let config: Config | undefined;
  await check("settings", () => {
    config = loadConfig(world);
    const where = config.broker === undefined ? `port ${config.port}` : `broker ${config.broker.join(" or ")}`;
    return one("settings", "ok", `home ${config.home}, ${where}, delivery ${config.delivery}`, "can be read");
  });
  await check("home", () => {
    const home = homeOf(world);
    prepareHome(home, world.user, true);
    const { spools, peers } = paths(home);
    for (const folder of [home, spools, peers]) tryToWrite(folder, world.newId);
    return one("home", "ok", "yours alone (0700, files 0600), and can be written", "yours alone");
  });
  const usable = config;
  if (usable) await check("broker", () => broker(world, usable, launchers.checkDatabase));
  if (usable) await check("notifications", () => notificationsOf(world, usable));
  if (usable) await check("Claude Code", () => claude(world, usable, screen));
  for (const other of otherInstalls.filter((host) => host.isInstalled(world)))
    await check(other.title, () => {
      const { isWell, found, short } = otherFinding(world, other);
      return one(other.title, isWell ? "ok" : "warning", found, short);
    });
  const well = !findings.some((finding) => finding.verdict === "failed");
  // A probe would start the broker that is missing.
  if (usable && well) await check("probe", async () => one("probe", "ok", ...(await probe(world, usable))));
  else report({ check: "probe", verdict: "warning", found: "not tried: fix what failed above first" });
  if (json) screen.write(toJson({ findings: findings.map(({ short: _, ...finding }) => finding) }));
  else if (!verbose) screen.write(`\n${wrap(screen, summary(findings))}\n`);
  return findings.some((finding) => finding.verdict === "failed") ? 1 : 0;
}

/** The last line: how many of the checks that were shown want something. */
function summary(findings: readonly Finding[]): string {
  const wanting = findings.filter(({ verdict, short }) => verdict !== "ok" && short !== null).length;
  const what =
    wanting === 0 ? "All is well." : `${count(wanting, "check")} above ${wanting === 1 ? "says" : "say"} what to do.`;
  return `${what} Details: cct doctor --verbose`;
}

/** Throws what keeps sessions from writing into a folder, in the size of a mail file. */
function tryToWrite(folder: string, newId: () => string): void {
  const path = join(folder, `.tmp.${newId()}.probe`);
  try {
    writeWhole(path, "x".repeat(64 * 1024), newId());
    rmSync(path);
  } catch (error) {
    throw writeError(
      error,
      "cannot be written",
      folder,
      "Mail waits at the broker until it can. Free some space, or correct the permissions.",
    );
  }
}

async function broker(world: World, config: Config, checkDatabase: Launchers["checkDatabase"]): Promise<Finding[]> {
  const client = localClient(config, world);
  try {
    const about = await client.health();
    if (!about && config.broker === undefined) await checkDatabase(config);
    if (!about)
      return [
        {
          check: "broker",
          verdict: "failed",
          found: config.broker
            ? `none answers at ${config.broker.join(" or ")}`
            : "none is running. Start one with: cct start",
        },
      ];
    const status = about.version === undefined ? undefined : await client.status();
    if (status?.ready === false)
      return [
        { check: "broker", verdict: "failed", found: `${placeOf(about)}, is not ready: ${status.reasons.join(" ")}` },
      ];
    // A broker that has just started is not worth a warning.
    const clock = status && status.uptime_ms > CALM_MS ? clockWords(status) : undefined;
    const { peers } = await callAllPages(client, "list_peers", {});
    const live = peers.filter((peer) => peer.presence !== "offline").length;
    const stuck = peers.filter((peer) => peer.hooks === "unwritable");
    const mend = config.broker === undefined ? "restart it with cct kill and cct start" : "update the older one";
    const old = about.version === world.version ? "" : `, but this is ${world.version}: ${mend}`;
    const inUse = client.inUse();
    const others = config.broker === undefined ? [] : (await client.healthOfEach()).filter(({ url }) => url !== inUse);
    return [
      {
        check: "broker",
        verdict: old ? "warning" : "ok",
        found: `${placeOf(about)}, version ${about.version}${old}; ${count(live, "live session")}`,
        ...(old ? {} : { short: `runs, with ${count(live, "live session")}` }),
      },
      ...stuck.map((peer): Finding => {
        const found = `cannot write mail on ${peer.host}: its disk may be full. ${peer.waiting === 1 ? "1 message waits" : `${countText(peer.waiting)} messages wait`} here; it tries again every minute. Look with cct doctor there`;
        return { check: `session ${peer.name}`, verdict: "warning", found };
      }),
      ...agentLines(peers).map(
        ({ agent, text, isWell }): Finding => ({ check: agent, verdict: isWell ? "ok" : "warning", found: text }),
      ),
      ...(clock === undefined ? [] : [{ check: "clock", verdict: "warning" as const, found: clock }]),
      // Brokers that this command does not use, but sessions may.
      ...others.map((other): Finding => {
        const same = isUp(other) && other.about?.version === world.version;
        return { check: `broker ${other.url}`, verdict: same ? "ok" : "warning", found: healthWords(other) };
      }),
    ];
  } finally {
    client.close();
  }
}

const statusLineWords: Record<StatusLineState, string> = {
  ours: "shows CCT",
  both: "shows yours and CCT",
  theirs: "shows yours without CCT. To have both: cct up",
  none: "does not show CCT. Fix it with: cct up",
};

/** The settings may be no JSON: then the host does not read them either. */
function statusLineOrProblem(world: World): StatusLineState | CctError {
  try {
    return statusLineState(claudePlaces(world));
  } catch (error) {
    if (error instanceof CctError) return error;
    throw error;
  }
}

async function claude(world: World, config: Config, screen: Screen): Promise<Finding[]> {
  const claude = await claudeHere(world, screen);
  const { version } = claude;
  const method = installedMethod(world);
  const findings: Finding[] = [];
  const add = (check: string, verdict: Verdict, found: string, short?: string | null) =>
    findings.push({ check, verdict, found, ...(short === undefined ? {} : { short }) });
  const newer = newerInstall(world);
  const old = version === undefined ? undefined : tooOld(version);
  if (claude.version === undefined) add("Claude Code", "warning", `${claude.problem}. ${claude.next}`);
  else add("Claude Code", old === undefined ? "ok" : "warning", old ?? claude.version);
  if (!method) add("install", "warning", "CCT is not installed into Claude Code. Install it with: cct up");
  else if (newer !== undefined)
    add(
      "install",
      "warning",
      `version ${newer} is installed, and this command is ${world.version}: update this command`,
    );
  else if (planInstall(world, config, version, chosenOptions(config)).changes.length > 0)
    add("install", "warning", `installed (${method}), but not up to date. Fix it with: cct up`);
  else
    add(
      "install",
      "ok",
      `in place (${method === "plugin" ? `plugin, hooks: ${chosenOptions(config).hooks}` : method})`,
      "in place",
    );
  if (world.env.CLAUDE_CONFIG_DIR)
    add(
      "configuration",
      "ok",
      `${claudePlaces(world).folder}, by CLAUDE_CONFIG_DIR: a session that is started without that variable has another install, or none`,
    );
  if (method) {
    const wanted = chosenOptions(config).statusLine;
    const state = statusLineOrProblem(world);
    const there = state === "ours" || state === "both";
    const words = state instanceof CctError ? `left out: ${state.line}` : statusLineWords[state];
    add("status line", there || !wanted ? "ok" : "warning", there || wanted ? words : "not wanted");
  }
  if (version !== undefined) {
    const have = rungsOf(version);
    const lacking = ladder.length - have.length;
    const works = method !== undefined && old === undefined;
    if (works) add("delivery", lacking > 0 ? "warning" : "ok", deliveryWords(version));
    for (const rung of ladder) {
      const live = have.includes(rung) && method !== undefined;
      const why = have.includes(rung) ? "not installed" : `needs Claude Code ${rung.since}`;
      add(`rung ${rung.name}`, live ? "ok" : "warning", live ? rung.moment : `not live: ${why}`, null);
    }
  }
  return findings;
}
