/** The broker of this home: where it is, and starting one when none answers. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { brokerVariables, type Config, isOnThisMachine } from "../platform/config.ts";
import { CctError, errorFrom, errorLine } from "../platform/errors.ts";
import { paths, readBrokerNote, readToken } from "../platform/home.ts";
import { isAlive, stillRuns } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import { type Client, createClient } from "./client.ts";

/** How long a broker may take from its start to its first answer. */
const START_MS = 10_000;
const LOOK_EVERY_MS = 50;

/**
 * A client of the configured brokers; without any, of this home's broker, wherever it listens. A broker notes in the home
 * where it is; without a note, or with a dead broker's, nothing is asked: another program may have the port by now.
 */
export function localClient(config: Config, random: () => number): Client {
  const { broker } = config;
  // The home's own token is the operator's: it leaves this machine in no case, also when only one of several is elsewhere.
  const isHere = broker === undefined || broker.every(isOnThisMachine);
  return createClient(
    () => ({
      urls: broker ?? runningUrl(config.home),
      // The broker makes it, before it says where it is.
      token: (broker && config.token) || (isHere ? (readToken(config.home) ?? "") : ""),
      fingerprints: config.fingerprint,
    }),
    random,
  );
}

/** One, or none. */
function runningUrl(home: string): string[] {
  const note = readBrokerNote(home);
  if (!note) return [];
  const process = `${note.pid} ${note.began}`;
  // Asked once of each broker: not every system tells at once when a process began.
  const runs = process === known ? isAlive(note.pid) : stillRuns(note.pid, note.began);
  known = runs ? process : undefined;
  return runs ? [note.url] : [];
}

/** The broker that was seen to be the one of the note, while it lives. */
let known: string | undefined;

export type Started = "started" | "was running";

/** Sees to it that a broker answers. Two that start at once: the lock lets one win, and both callers get that one. */
export async function ensureBroker(world: World, config: Config, client: Client): Promise<Started> {
  const first = await ask(config, client);
  if (first === "answers") return "was running";
  if (first !== "nobody") throw first;
  if (config.broker)
    throw new CctError(
      "unavailable",
      `No broker answers at ${config.broker.join(" or ")}.`,
      "Start it there, or unset the 'broker' setting.",
    );
  const starting = spawnBroker(world, config);
  try {
    const deadline = world.now() + START_MS;
    for (;;) {
      const answer = await ask(config, client);
      if (answer === "answers") return "started";
      if (answer !== "nobody") throw answer;
      const failed = starting.failure();
      // Another process is starting one: wait for that one.
      if (failed && failed.code !== "already_running") throw new CctError("unavailable", failed.message, failed.hint);
      if (world.now() > deadline) {
        throw new CctError("unavailable", "The broker did not answer in time.", `See ${paths(config.home).logs}.`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  } finally {
    starting.forget();
  }
}

async function ask(config: Config, client: Client): Promise<"answers" | "nobody" | CctError> {
  try {
    const health = await client.health();
    if (!health) return "nobody";
    if (typeof health.version === "string") return "answers";
    return new CctError(
      "unauthorized",
      "The broker that answers does not take this home's token.",
      config.broker
        ? "This machine's token was revoked, or it never joined: ask for a join string."
        : "It is another home's: set another port with cct config set port <number>.",
    );
  } catch (error) {
    return error instanceof CctError ? error : new CctError("unavailable", errorLine(error));
  }
}

/** What a broker needs of a session's environment, which may hold API keys: they are none of its business. */
function daemonEnvironment(env: World["env"]): World["env"] {
  const needed = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "NODE_OPTIONS", "SystemRoot"];
  return Object.fromEntries(needed.filter((name) => env[name] !== undefined).map((name) => [name, env[name]]));
}

/** Starts a broker that outlives us. What it says before it can log goes to `log/start.log`. */
function spawnBroker(world: World, config: Config): { failure(): CctError | undefined; forget(): void } {
  const said = join(paths(config.home).logs, `start.${world.pid}.log`);
  // A new file: what lies there is an earlier process's, or leads elsewhere.
  rmSync(said, { force: true });
  const output = openSync(said, "wx", 0o600);
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
      return exited ? failureIn(readFileSync(said, "utf8")) : undefined;
    },
    forget() {
      try {
        rmSync(said, { force: true });
      } catch {
        // Only clutter.
      }
    },
  };
}

/** Why a broker ended: the last line of its output, which is an error as JSON, or what node wrote when it crashed. */
function failureIn(output: string): CctError {
  const last = output.trim().split("\n").at(-1) ?? "";
  const line = last.replace(/^cct: /, "") || "The broker exited at once, without a message.";
  return parsedError(last) ?? new CctError("internal", line);
}

function parsedError(line: string): CctError | undefined {
  try {
    return errorFrom(JSON.parse(line));
  } catch {
    return undefined;
  }
}
