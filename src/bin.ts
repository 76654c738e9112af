#!/usr/bin/env node
/**
 * The entry point: reads arguments, environment, clock and randomness, and starts one part of the program. Each part is a
 * bundle of its own, so the session server, which runs once per session, loads nothing of the others.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { bootId } from "./platform/process.ts";
import { smoothedClock, type World } from "./platform/world.ts";
import { runHookOnce, runSession } from "./session/main.ts";

const root = join(import.meta.dirname, "..");
const beginning = process.hrtime.bigint();
/** The same clock as `performance`, which would load ten modules of node's into every session server. */
const steady = (): number => Number(process.hrtime.bigint() - beginning) / 1e6;
const now = smoothedClock(Date.now);

const user = process.getuid?.() ?? 0;

const world: World = {
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  pid: process.pid,
  ppid: process.ppid,
  node: process.execPath,
  nodeVersion: process.versions.node,
  root,
  version: JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version,
  hostname: hostname(),
  user,
  username: username(),
  bootId,
  now,
  steady,
  random: Math.random,
  newId: () => randomBytes(16).toString("hex"),
  newMessageId: () => uuidv7(now()),
};

function username(): string {
  try {
    return userInfo().username;
  } catch {
    // In a container, the user may have no name.
    return String(user);
  }
}

/** A UUIDv7 (RFC 9562): 48 bits of time, then random bits. The rest of the layout comes from `randomUUID`. */
function uuidv7(time: number): string {
  const stamp = time.toString(16).padStart(12, "0");
  return `${stamp.slice(0, 8)}-${stamp.slice(8)}-7${randomUUID().slice(15)}`;
}

// Files of this program are for its user only.
process.umask(0o077);

void run();

async function run(): Promise<void> {
  if (world.argv[0] === "mcp" && (world.argv.length === 1 || (world.argv[1] === "--host" && world.argv.length === 3))) {
    await runSession(world);
  } else if (world.argv[0] === "hook") {
    process.exitCode = await runHookOnce(world);
  } else {
    const { processTerminal, runCli } = await import("./cli/main.ts");
    process.exitCode = await runCli(world, processTerminal(), {
      startBroker: async (config) => (await import("./broker/main.ts")).startBroker(world, config),
      backUp: async (config, file, source) =>
        (await import("./transfer/backup.ts")).backUp(world, config, file, source),
      checkDatabase: async (config) => (await import("./transfer/backup.ts")).checkDatabase(config),
      restore: async (config, file) => (await import("./transfer/restore.ts")).restore(world, config, file),
      move: async (config, how) => (await import("./transfer/move.ts")).move(world, config, how),
    });
  }
}
