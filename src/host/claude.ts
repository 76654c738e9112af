/** Locates Claude Code on this machine: its configuration files and its version. */
import { execFile } from "node:child_process";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { World } from "../platform/world.ts";

/** Where Claude Code keeps its configuration. */
export interface ClaudePlaces {
  /** `~/.claude`, or `$CLAUDE_CONFIG_DIR`. */
  folder: string;
  settings: string;
  /** `~/.claude.json`, or inside `$CLAUDE_CONFIG_DIR` when that is set. Holds user-wide MCP servers among other things. */
  state: string;
  plugin: string;
}

export function claudePlaces(world: Pick<World, "env" | "cwd">): ClaudePlaces {
  const set = world.env.CLAUDE_CONFIG_DIR;
  const home = world.env.HOME || homedir();
  const folder = set ? resolve(world.cwd, set) : join(home, ".claude");
  return {
    folder,
    settings: join(folder, "settings.json"),
    state: set ? join(folder, ".claude.json") : join(home, ".claude.json"),
    plugin: join(folder, "skills", "cct"),
  };
}

const VERSION_TIMEOUT_MS = 20_000;

/** The version of the `claude` on PATH; `undefined` when none answers. */
export function claudeVersion(world: Pick<World, "env">): Promise<string | undefined> {
  return new Promise((done) => {
    execFile(
      "claude",
      ["--version"],
      { env: world.env, timeout: VERSION_TIMEOUT_MS, killSignal: "SIGKILL" },
      (error, stdout) => {
        done(error ? undefined : /\d+\.\d+\.\d+/.exec(stdout)?.[0]);
      },
    );
  });
}
