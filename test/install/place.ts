/** A user's home with a stand-in for Claude Code, as far as install looks at it. */
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type CctOptions, type CctRun, cct } from "../support/cct.ts";
import { cctHere } from "../support/cct-here.ts";
import { tempFolder } from "../support/folders.ts";

export interface Place {
  home: string;
  claude: string;
  settings: string;
  state: string;
  plugin: string;
  /** The only folder on PATH. */
  bin: string;
  cctHome: string;
  env: Record<string, string | undefined>;
  /** Puts a `claude` on PATH that runs `script`; without one there is none. */
  claudeIs(script: string | undefined): void;
  /** Puts a `claude` on PATH that says it is of this version. */
  version(version: string): void;
  write(path: string, content: string | Buffer): void;
  cct(...args: string[]): Promise<CctRun>;
  /** The same in a process of its own, for several at once. */
  cctProcess(...args: string[]): Promise<CctRun>;
  /** Everything in the home but CCT's own folder: path → kind, mode and content. */
  everything(): Record<string, string>;
  /** The same with the times of the last change. */
  times(): Record<string, number>;
}

export interface PlaceOptions {
  home?: string;
  /** `CLAUDE_CONFIG_DIR`. */
  configDir?: string;
  cctHome?: string;
  package?: string;
}

export function newPlace(options: PlaceOptions = {}): Place {
  const base = tempFolder();
  const home = options.home ?? join(base, "user");
  // Nothing else is on PATH, so that no real `claude` is ever found.
  const bin = join(base, "bin");
  mkdirSync(home, { recursive: true });
  mkdirSync(bin, { recursive: true });
  const claude = options.configDir ?? join(home, ".claude");
  const cctHome = options.cctHome ?? join(home, ".cct");
  const env = {
    PATH: bin,
    HOME: home,
    CCT_PORT: "0",
    ...(options.configDir === undefined ? {} : { CLAUDE_CONFIG_DIR: options.configDir }),
    ...(options.cctHome === undefined ? {} : { CCT_HOME: options.cctHome }),
  };
  const claudeIs = (script: string | undefined): void => {
    if (script === undefined) rmSync(join(bin, "claude"), { force: true });
    else writeFileSync(join(bin, "claude"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  };
  const runOptions: CctOptions = { env, cwd: home, ...(options.package ? { package: options.package } : {}) };
  return {
    home,
    claude,
    settings: join(claude, "settings.json"),
    state: options.configDir === undefined ? join(home, ".claude.json") : join(options.configDir, ".claude.json"),
    plugin: join(claude, "skills", "cct"),
    bin,
    cctHome,
    env,
    claudeIs,
    version: (version) => claudeIs(`echo '${version} (Claude Code)'`),
    write(path, content) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content, { mode: 0o600 });
    },
    cct: (...args) => cctHere(args, runOptions),
    cctProcess: (...args) => cct(args, runOptions),
    everything: () => Object.fromEntries(below(home, cctHome).map((path) => [path, describe(join(home, path))])),
    times: () => Object.fromEntries(below(home, cctHome).map((path) => [path, lstatSync(join(home, path)).mtimeMs])),
  };
}

/** All paths below a folder, without what lies in `except`. */
function below(folder: string, except: string, under = ""): string[] {
  return readdirSync(join(folder, under), { withFileTypes: true }).flatMap((entry) => {
    const path = join(under, entry.name);
    if (join(folder, path) === except) return [];
    return entry.isDirectory() ? [path, ...below(folder, except, path)] : [path];
  });
}

function describe(path: string): string {
  const stat = lstatSync(path);
  const mode = (stat.mode & 0o777).toString(8);
  if (stat.isSymbolicLink()) return `link to ${readlinkSync(path)}`;
  return stat.isDirectory() ? `folder ${mode}` : `file ${mode} ${readFileSync(path).toString("latin1")}`;
}

export const PLUGIN_VERSION = "2.1.330";
export const CLASSIC_VERSION = "2.1.157";
export const OLD_VERSION = "2.1.80";

/** Both ways of installing, for what holds in both. */
export const WAYS = [PLUGIN_VERSION, CLASSIC_VERSION, OLD_VERSION];

export function json(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Settings without CCT's status line; one that CCT only joined is the person's own again. */
export function withoutLine(settings: Record<string, unknown>): Record<string, unknown> {
  const { statusLine, ...others } = settings;
  if (statusLine === undefined) return others;
  const { command, refreshInterval, ...rest } = statusLine as { command: string; refreshInterval?: number };
  if (!command.endsWith(" # cct")) return settings;
  const theirs = /^theirs='(.*?)'; \[/s.exec(command)?.[1];
  if (theirs === undefined) return others;
  const own = { ...rest, command: theirs.replaceAll("'\\''", "'") };
  return { ...others, statusLine: refreshInterval === 5 ? own : { ...own, refreshInterval } };
}
