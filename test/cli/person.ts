/** A person with a home and a `cct`, and the processes that the person's commands leave behind. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startBroker, type TestBroker } from "../support/broker.ts";
import type { CctOptions, CctRun } from "../support/cct.ts";
import { cctHere } from "../support/cct-here.ts";
import { atEnd } from "../support/cleanup.ts";
import { tempFolder } from "../support/folders.ts";

export interface Person {
  home: string;
  cctHome: string;
  env: Record<string, string | undefined>;
  cct(...args: string[]): Promise<CctRun>;
  /** With standard input, or other surroundings. */
  cctWith(more: Partial<CctOptions>, ...args: string[]): Promise<CctRun>;
}

export function newPerson(env: Record<string, string> = {}): Person {
  const home = join(tempFolder(), "user");
  mkdirSync(home);
  return personAt(home, join(home, ".cct"), env);
}

/** A person whose broker runs. */
export async function personWithBroker(
  start: () => Promise<TestBroker> = startBroker,
): Promise<Person & { broker: TestBroker }> {
  const broker = await start();
  return { ...personAt(join(broker.home, ".."), broker.home, { CCT_HOME: broker.home }), broker };
}

export function personAt(home: string, cctHome: string, more: Record<string, string>): Person {
  const env = { PATH: process.env.PATH, HOME: home, CCT_PORT: "0", ...more };
  const cctWith: Person["cctWith"] = (options, ...args) =>
    cctHere(args, { cwd: home, ...options, env: { ...env, ...options.env } });
  return { home, cctHome, env, cctWith, cct: (...args) => cctWith({}, ...args) };
}

/** Ends the broker that a person's commands have started, with the test file. */
export function endBrokerOf(person: Person): void {
  atEnd(async () => {
    await person.cct("kill");
  });
}

/** Processes in whose environment `entry` stands: all that a command started hands its environment on. Linux only. */
export function processesWith(entry: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(entry);
      } catch {
        // It ended while we looked.
        return false;
      }
    })
    .map(Number);
}
