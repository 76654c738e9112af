/** Locates Claude Code on this machine: its configuration files and its version. */
import { type ExecFileException, execFile } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { claudeFolder } from "../hosts/claude.ts";
import type { World } from "../platform/world.ts";
import { PLUGIN_SINCE, rungsOf } from "./ladder.ts";

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
  const folder = claudeFolder(world);
  return {
    folder,
    settings: join(folder, "settings.json"),
    state: set ? join(folder, ".claude.json") : join(home, ".claude.json"),
    plugin: join(folder, "skills", "cct"),
  };
}

/** A busy machine takes seconds to load it, and a wrong answer would change how CCT is installed. */
const VERSION_TIMEOUT_MS = 15_000;
/** After so long a person wonders what is going on. */
const SLOW_MS = 1_500;

/** The `claude` on PATH: its version, or why there is none and what to do. */
export type FoundClaude =
  | { version: string; problem?: undefined }
  | { version?: undefined; problem: string; next: string };

/** Runs `claude --version`, for at most 15 s. `slow` is called when it takes long. */
export function findClaude(world: Pick<World, "env">, slow: () => void): Promise<FoundClaude> {
  return new Promise((done) => {
    const timer = setTimeout(slow, SLOW_MS);
    const options = { env: world.env, timeout: VERSION_TIMEOUT_MS, killSignal: "SIGKILL" } as const;
    execFile("claude", ["--version"], options, (error, stdout) => {
      clearTimeout(timer);
      const version = error ? undefined : /\d+\.\d+\.\d+/.exec(stdout)?.[0];
      done(version === undefined ? { ...whyNot(error) } : { version });
    });
  });
}

function whyNot(error: ExecFileException | null): { problem: string; next: string } {
  if (error?.code === "ENOENT")
    return {
      problem: "there is no 'claude' on your PATH",
      next: "Install it (npm install -g @anthropic-ai/claude-code)",
    };
  const next = "Run 'claude --version' yourself, and repair or reinstall it (npm install -g @anthropic-ai/claude-code)";
  if (error?.killed)
    return { problem: `'claude --version' did not answer within ${VERSION_TIMEOUT_MS / 1000} s`, next };
  if (error) return { problem: `'claude --version' failed (${error.code ?? error.signal})`, next };
  return { problem: "'claude --version' prints no version", next };
}

/** What is wrong with a version that CCT cannot work with; `undefined` if it can. */
export const tooOld = (version: string): string | undefined =>
  rungsOf(version).length > 0
    ? undefined
    : `Claude Code ${version} is too old: no mail reaches its sessions. Update it to ${PLUGIN_SINCE} or later (claude update)`;
