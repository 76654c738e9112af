/** Finds the broker of this home, and starts one when none answers. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { brokerVariables, type Config } from "../platform/config.ts";
import { CctError, errorFrom, errorLine } from "../platform/errors.ts";
import { paths, readBrokerFile, readToken } from "../platform/home.ts";
import { isOnThisMachine } from "../platform/network.ts";
import { isAlive, stillRuns } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import { isOlder } from "../rules/versions.ts";
import { type Client, createClient, isNoAnswer } from "./client.ts";
import { stopBroker } from "./stop.ts";

/** From starting a broker to its first answer. Long: a machine may be very busy, or the database large and to be migrated. */
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 50;

/**
 * A client of the configured brokers, or else of this home's broker. A running broker writes its address to
 * `broker.json` in the home. Without that note, or when its process is dead, nothing is contacted: another program may
 * use the port by now.
 */
export function localClient(config: Config, world: Pick<World, "random" | "newId">): Client {
  const { broker } = config;
  // The home's own token grants everything, so it never leaves this machine, not even for one of several brokers.
  const isHere = broker === undefined || broker.every(isOnThisMachine);
  return createClient(
    () => ({
      urls: broker ?? runningUrl(config.home),
      // The broker creates it before it writes its note.
      token: (broker && config.token) || (isHere ? (readToken(config.home) ?? "") : ""),
      fingerprints: config.fingerprint,
      forwardedTo: config.forwarded_to,
    }),
    world,
  );
}

/** The URL of this home's broker in a list of one, or an empty list. */
function runningUrl(home: string): string[] {
  const note = readBrokerFile(home);
  if (!note) return [];
  const process = `${note.pid} ${note.began}`;
  // The start mark is compared once per broker, because reading it is slow on some systems.
  const runs = process === known ? isAlive(note.pid) : stillRuns(note.pid, note.began);
  known = runs ? process : undefined;
  return runs ? [note.url] : [];
}

/** Pid and start mark of the broker process that was last verified. */
let known: string | undefined;

export type Started = "started" | "was running";

/**
 * Starts a broker unless one answers. When two processes start one at once, the database lock lets one win and both use it.
 * `mayStart` throws when none is to be started; it is asked when none answers.
 */
export async function ensureBroker(
  world: World,
  config: Config,
  client: Client,
  mayStart = (): void => {},
): Promise<Started> {
  return (await running(world, config, client, mayStart)).how;
}

/** The same; with the answer of the broker. */
async function running(
  world: World,
  config: Config,
  client: Client,
  mayStart: () => void,
): Promise<{ how: Started; about: About }> {
  const first = await ask(config, client);
  if (first instanceof CctError) throw first;
  if (first !== "nobody") return { how: "was running", about: first };
  if (config.broker)
    throw new CctError(
      "unavailable",
      `No broker answers at ${config.broker.join(" or ")}.`,
      "Start it there, or unset the setting 'broker'.",
    );
  mayStart();
  const starting = spawnBroker(world, config);
  try {
    const deadline = world.steady() + START_TIMEOUT_MS;
    for (;;) {
      const answer = await ask(config, client);
      if (answer instanceof CctError) throw answer;
      if (answer !== "nobody") return { how: "started", about: answer };
      const failed = starting.failure();
      // Another process starts one: wait for it.
      if (failed && failed.code !== "already_running") throw new CctError("unavailable", failed.message, failed.hint);
      if (world.steady() > deadline) {
        throw new CctError(
          "unavailable",
          "The broker did not start in time.",
          `See the logs in ${paths(config.home).logs}.`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    starting.forget();
  }
}

/** A broker that runs. `other`: if it was replaced, the version of the one before; otherwise its own, when that is not this program's. */
export interface Current {
  how: Started | "replaced";
  other?: string;
}

/** Between its end and the start of a new one, an older program may start an older broker again. */
const MAX_REPLACED = 3;

/**
 * Starts this home's broker unless one runs, and replaces one that is older than this program. Its clients move over: they
 * find the new one by its note. A newer one stays, and so does one on another machine.
 */
export async function currentBroker(
  world: World,
  config: Config,
  client: Client,
  mayStart = (): void => {},
): Promise<Current> {
  let before: string | undefined;
  for (let replaced = 0; ; replaced++) {
    const { how, about } = await running(world, config, client, mayStart);
    const { version, pid } = about;
    if (version === world.version) return before === undefined ? { how } : { how: "replaced", other: before };
    const isOurs = !config.broker && isOlder(version, world.version) && pid !== undefined;
    if (!isOurs || replaced === MAX_REPLACED) return { how: "was running", other: version };
    before ??= version;
    // Another process may have replaced it by now.
    await stopBroker(world, config, pid);
  }
}

/** What a broker says of itself. */
interface About {
  version: string;
  pid?: number | undefined;
}

async function ask(config: Config, client: Client): Promise<About | "nobody" | CctError> {
  try {
    const health = await client.health();
    if (!health) return "nobody";
    const { version, pid } = health;
    if (typeof version === "string") return { version, pid };
    return new CctError(
      "unauthorized",
      "The broker that answers rejects this home's token.",
      config.broker
        ? "This machine's token was revoked, or the machine never joined: ask for a join string."
        : "It belongs to another home: choose another port with cct config set port <number>.",
    );
  } catch (error) {
    // Another process may have the pid and the port of a broker that was killed: verify its start mark again.
    known = undefined;
    if (isNoAnswer(error) && !config.broker && runningUrl(config.home).length === 0) return "nobody";
    return error instanceof CctError ? error : new CctError("unavailable", errorLine(error));
  }
}

/** The variables that a broker inherits. A session's environment may hold API keys, which the broker must not see. */
function daemonEnvironment(env: World["env"]): World["env"] {
  const needed = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "NODE_OPTIONS", "SystemRoot"];
  return Object.fromEntries(needed.filter((name) => env[name] !== undefined).map((name) => [name, env[name]]));
}

/** Starts a detached broker. Its output before it can log goes to `log/start.<pid>.log`. */
function spawnBroker(world: World, config: Config): { failure(): CctError | undefined; forget(): void } {
  const logFile = join(paths(config.home).logs, `start.${world.pid}.log`);
  // Always a new file: an existing one is an earlier process's, or a link that leads elsewhere.
  rmSync(logFile, { force: true });
  const output = openSync(logFile, "wx", 0o600);
  const child = spawn(world.node, [join(world.root, "dist", "bin.js"), "start", "--foreground", "--json-errors"], {
    detached: true,
    stdio: ["ignore", output, output],
    cwd: config.home,
    env: {
      ...daemonEnvironment(world.env),
      CCT_HOME: config.home,
      ...brokerVariables(config),
    },
  });
  closeSync(output);
  let exited = false;
  child.on("exit", () => {
    exited = true;
  });
  child.on("error", () => {
    exited = true;
  });
  child.unref();
  return {
    failure() {
      return exited ? failureIn(readFileSync(logFile, "utf8"), config.home) : undefined;
    },
    forget() {
      try {
        rmSync(logFile, { force: true });
      } catch {
        // A leftover file does no harm.
      }
    },
  };
}

/** Why a broker exited: the last line of its output is an error as JSON, or Node's own words when it crashed. */
function failureIn(output: string, home: string): CctError {
  const last = output.trim().split("\n").at(-1) ?? "";
  const line = last.replace(/^cct: /, "") || "The broker exited at once without a message.";
  return (
    parsedError(last) ??
    new CctError("internal", line, `Is the disk of ${home} full? To see why: cct start --foreground`)
  );
}

function parsedError(line: string): CctError | undefined {
  try {
    return errorFrom(JSON.parse(line));
  } catch {
    return undefined;
  }
}
