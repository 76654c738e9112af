/** The status line's script, run as the host runs it: a shell that starts it, the session's JSON on standard input. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Flags, renderFlags } from "../../src/session/flags.ts";
import { type HookRun, runCommand } from "../hooks/hook.ts";
import { root, tempFolder } from "../support/folders.ts";

export const script = join(root, "plugin/statusline/line.sh");

export const INPUT = '{"session_id":"5671a0b2-0000-4000-8000-000000000001","cwd":"/proj","version":"2.1.330"}';

/** The user's own command may take three seconds. */
const THEIRS_MS = 2_900;

/** More than a pid can be. */
const PID = 4_242_424;

export interface Line {
  home: string;
  /** What the session server says, `age` seconds ago. */
  says(flags?: Partial<Flags>, age?: number): void;
  /** Puts any text in the place of that. */
  holds(text: string | Buffer): void;
  /** Who the session is, without any word of how it is. */
  isKnown(): void;
  run(options?: LineOptions): Promise<HookRun>;
  /** The rows that are printed, when nothing went wrong. */
  rows(options?: LineOptions): Promise<string[]>;
}

export interface LineOptions {
  /** The user's own status line. */
  theirs?: string;
  columns?: number | string;
  env?: Record<string, string | undefined>;
  shell?: string;
  within?: (command: string[]) => string[];
}

export const flags: Flags = {
  server: process.pid,
  peer_id: "dd5c0f6aa0b1c2d3e4f5061728394a5b",
  name: "ann",
  unread: 0,
  held: 0,
  presence: "idle",
  hook: "live",
  broker: "up",
};

export function newLine(): Line {
  const home = join(tempFolder(), "home");
  for (const folder of ["flags", "pidmaps"]) mkdirSync(join(home, folder), { recursive: true });
  const file = join(home, "flags", String(PID));
  const clock = join(home, "..", "clock");
  const run: Line["run"] = ({ theirs, columns, env = {}, shell, within } = {}) => {
    const command = [shell ?? "bash", script, ...(theirs === undefined ? [] : [theirs])];
    const all = { PATH: process.env.PATH, HOME: join(home, ".."), CCT_HOME: home, CLAUDE_PID: String(PID) };
    const room = columns === undefined ? {} : { COLUMNS: String(columns) };
    const time = shell === undefined && existsSync(clock) ? { BASH_ENV: clock } : {};
    return runCommand(within?.(command) ?? command, { ...all, ...room, ...time, ...env }, INPUT);
  };
  return {
    home,
    says(more = {}, age = 0) {
      const now = Date.now();
      writeFileSync(file, renderFlags({ ...flags, ...more }, now - age * 1000));
      // However long it takes until the script runs, the time that it sees is this one.
      writeFileSync(clock, `unset EPOCHSECONDS\nEPOCHSECONDS=${Math.floor(now / 1000)}\n`);
    },
    holds: (text) => writeFileSync(file, text),
    isKnown() {
      rmSync(file, { force: true });
      writeFileSync(join(home, "pidmaps", String(PID)), `${flags.peer_id} ann\n`);
    },
    run,
    async rows(options) {
      const hasTheirs = options?.theirs !== undefined;
      let began = performance.now();
      let ran = await run(options);
      // On a slow machine the user's command may have had its time, so that what it prints was dropped: then once more.
      for (let tries = 0; hasTheirs && performance.now() - began > THEIRS_MS && tries < 20; tries++) {
        began = performance.now();
        ran = await run(options);
      }
      if (ran.status !== 0 || ran.stderr !== "" || !ran.stdout.endsWith("\n")) {
        throw new Error(`not a status line: ${JSON.stringify(ran)}`);
      }
      return ran.stdout.slice(0, -1).split("\n");
    },
  };
}
