/** The `World` of a program that a test runs in its own process: what `bin.ts` makes out of the process, made by the test. */
import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { bootId } from "../../src/platform/process.ts";
import { smoothedClock, type World } from "../../src/platform/world.ts";
import { root } from "./folders.ts";

const { version }: { version: string } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** `env` is the whole environment. Everything else is the test process's own, unless `more` says otherwise. */
export function testWorld(env: Record<string, string | undefined>, more: Partial<World> = {}): World {
  const steady = (): number => performance.now();
  return {
    argv: [],
    env,
    cwd: root,
    pid: process.pid,
    ppid: process.ppid,
    node: process.execPath,
    nodeVersion: process.versions.node,
    root,
    version,
    hostname: hostname(),
    user: process.getuid?.() ?? 0,
    username: userInfo().username,
    bootId,
    now: smoothedClock(Date.now),
    steady,
    random: Math.random,
    newId: () => randomBytes(16).toString("hex"),
    newMessageId: () => randomUUID(),
    ...more,
  };
}
