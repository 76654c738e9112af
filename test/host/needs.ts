/**
 * What these tests need of the machine: Linux with network namespaces, tmux, iproute2, and the real Claude Code, which is
 * downloaded once into the project's cache. What is missing is installed if possible, and otherwise reported.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The newest version that was tried. */
const HOST_VERSION = "2.1.332";

/** The folder of the package, also when this file was bundled into another place of it. */
export const root = findRoot(dirname(fileURLToPath(import.meta.url)));

/** A recent version that people still have. */
export const EARLIER_HOST_VERSION = "2.1.330";

/** One before the version that puts mail beside a tool's result, and that wakes; still a script for node. */
export const OLD_HOST_VERSION = "2.1.100";

const CODEX_VERSION = "0.169.0";
const COPILOT_VERSION = "1.0.102";
const GEMINI_VERSION = "0.61.0";
const QWEN_VERSION = "0.24.4";
const OPENCODE_VERSION = "1.18.33";

/** A network that can be made here. */
export interface Machine {
  /** The words before a command that give it a network of its own. */
  unshare: readonly string[];
  /** The options of `nsenter` that lead into such a network. */
  nsenter: readonly string[];
}

export interface Needs extends Machine {
  version: string;
  /** The path of the `claude` program. */
  claude: string;
}

const isRoot = process.getuid?.() === 0;

/** What the tests need; a text that says what is missing when it cannot be had. */
export function findNeeds(version = HOST_VERSION): Needs | string {
  const machine = findMachine();
  if (typeof machine === "string") return machine;
  const claude = fetchClaude(version);
  if (claude === undefined) return `@anthropic-ai/claude-code@${version} cannot be fetched`;
  // Not in the home of the person who runs this.
  const path = `PATH=${dirname(process.execPath)}:/usr/bin:/bin`;
  if (!succeeds([...machine.unshare, "env", "-i", "HOME=/nonexistent", path, claude, "--version"]))
    return `Claude Code ${version} does not run here`;
  return { version, claude, ...machine };
}

/** The same for Qwen Code: `qwen` is its script for node. */
export function findQwen(): (Machine & { qwen: string }) | string {
  const machine = findMachine();
  if (typeof machine === "string") return machine;
  const prefix = join(cache, `qwen-${QWEN_VERSION}`);
  const qwen = join(prefix, "node_modules", "@qwen-code", "qwen-code", "cli-entry.js");
  return isFetched(prefix, `@qwen-code/qwen-code@${QWEN_VERSION}`) && existsSync(qwen)
    ? { ...machine, qwen }
    : `@qwen-code/qwen-code@${QWEN_VERSION} cannot be fetched`;
}

/** The same for Codex: `codex` is its program. */
export function findCodex(): (Machine & { codex: string }) | string {
  const machine = findMachine();
  if (typeof machine === "string") return machine;
  const prefix = join(cache, `codex-${CODEX_VERSION}`);
  const vendor = join(prefix, "node_modules", "@openai", `codex-linux-${process.arch}`, "vendor");
  const program = (): string | undefined =>
    existsSync(vendor)
      ? readdirSync(vendor)
          .map((system) => join(vendor, system, "bin", "codex"))
          .find((path) => existsSync(path))
      : undefined;
  const codex = isFetched(prefix, `@openai/codex@${CODEX_VERSION}`) ? program() : undefined;
  return codex === undefined ? `@openai/codex@${CODEX_VERSION} cannot be fetched` : { ...machine, codex };
}

/** The same for Gemini CLI: `gemini` is its script for node. */
export function findGemini(): (Machine & { gemini: string }) | string {
  const machine = findMachine();
  if (typeof machine === "string") return machine;
  const prefix = join(cache, `gemini-${GEMINI_VERSION}`);
  const gemini = join(prefix, "node_modules", "@google", "gemini-cli", "bundle", "gemini.js");
  return isFetched(prefix, `@google/gemini-cli@${GEMINI_VERSION}`) && existsSync(gemini)
    ? { ...machine, gemini }
    : `@google/gemini-cli@${GEMINI_VERSION} cannot be fetched`;
}

/** The same for OpenCode: `opencode` is its program. `plugins` holds the package that it puts into its folder at a start. */
export function findOpencode(): (Machine & { opencode: string; plugins: string }) | string {
  const machine = findMachine();
  if (typeof machine === "string") return machine;
  const prefix = join(cache, `opencode-${OPENCODE_VERSION}`);
  const plugins = join(prefix, "plugins");
  const opencode = join(prefix, "node_modules", `opencode-linux-${process.arch}`, "bin", "opencode");
  const parts = `opencode-ai@${OPENCODE_VERSION} opencode-linux-${process.arch}@${OPENCODE_VERSION}`;
  // With its lock file, which OpenCode expects there.
  const plugin = `@opencode-ai/plugin@${OPENCODE_VERSION}`;
  return isFetched(prefix, parts) && isFetched(plugins, plugin, "--save") && existsSync(opencode)
    ? { ...machine, opencode, plugins }
    : `opencode-ai@${OPENCODE_VERSION} cannot be fetched`;
}

export interface CopilotNeeds extends Machine {
  /** The program. */
  copilot: string;
  /** What it unpacks into `~/.cache/copilot` of each home. */
  unpacked: string;
}

/** The same for Copilot CLI. */
export function findCopilot(): CopilotNeeds | string {
  const machine = findMachine();
  if (typeof machine === "string") return machine;
  const prefix = join(cache, `copilot-${COPILOT_VERSION}`);
  const copilot = join(prefix, "node_modules", "@github", `copilot-linux-${process.arch}`, "copilot");
  if (!isFetched(prefix, `@github/copilot@${COPILOT_VERSION}`) || !existsSync(copilot))
    return `@github/copilot@${COPILOT_VERSION} cannot be fetched`;
  const home = join(prefix, "home");
  const isUnpacked = join(prefix, "unpacked");
  const words = ["env", "-i", `HOME=${home}`, "PATH=/usr/bin:/bin", "COPILOT_OFFLINE=true", copilot, "help"];
  // Not in the home of the person who runs this.
  if (!existsSync(isUnpacked))
    once(
      `[ -e '${isUnpacked}' ] || { ${[...machine.unshare, ...words].map((word) => `'${word}'`).join(" ")} && : >'${isUnpacked}'; }`,
    );
  if (!existsSync(isUnpacked)) return `Copilot CLI ${COPILOT_VERSION} does not run here`;
  return { ...machine, copilot, unpacked: join(home, ".cache", "copilot") };
}

function findMachine(): Machine | string {
  if (process.platform !== "linux") return `network namespaces are Linux's; this is ${process.platform}`;
  for (const tool of ["unshare", "nsenter", "flock"]) if (!has(tool)) return `there is no ${tool} (util-linux)`;
  const missing = ["tmux", "ip"].filter((tool) => !has(tool));
  if (missing.length > 0 && !installTools())
    return `there is no ${missing.join(" and no ")}, and it cannot be installed here`;
  const network = isRoot ? ["unshare", "-n"] : ["unshare", "-r", "-n"];
  if (!succeeds([...network, "ip", "link", "set", "lo", "up"])) return "no network namespace can be made here";
  return { unshare: network, nsenter: isRoot ? ["-n"] : ["-U", "--preserve-credentials", "-n"] };
}

function findRoot(from: string): string {
  const manifest = join(from, "package.json");
  if (existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).name === "claude-code-talk") return from;
  if (dirname(from) === from) throw new Error("the package's folder was not found");
  return findRoot(dirname(from));
}

function has(tool: string): boolean {
  return succeeds(["sh", "-c", `command -v ${tool}`]);
}

function succeeds([program = "", ...args]: readonly string[], seconds = 30): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore", timeout: seconds * 1000 });
    return true;
  } catch {
    return false;
  }
}

const cache = join(root, "node_modules", ".cache", "cct-host");

/** Several test files look at the same time: the first one installs, the others wait for it. */
function once(script: string): boolean {
  mkdirSync(cache, { recursive: true });
  return succeeds(["flock", join(cache, "lock"), "sh", "-c", script], 900);
}

/** Whether these packages are there as a whole. A file of them may be there while the rest is still being unpacked. */
function isFetched(prefix: string, packages: string, save = "--no-save"): boolean {
  const done = `${prefix}.fetched`;
  const npm = `npm install --ignore-scripts ${save} --no-audit --no-fund --prefix '${prefix}' ${packages}`;
  if (!existsSync(done)) once(`[ -e '${done}' ] || { mkdir -p '${prefix}' && ${npm} && : >'${done}'; }`);
  return existsSync(done);
}

function installTools(): boolean {
  if (!isRoot || !has("apt-get")) return false;
  const install = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tmux iproute2";
  return once(`command -v tmux && command -v ip || ${install} || { apt-get update && ${install}; }`);
}

function fetchClaude(version: string): string | undefined {
  const prefix = join(cache, version);
  const packages = join(prefix, "node_modules", "@anthropic-ai");
  // A program of its own, in older versions a script for node.
  const places = [
    join(packages, `claude-code-linux-${process.arch}`, "claude"),
    join(packages, "claude-code", "cli.js"),
  ];
  const claude = (): string | undefined => places.find((place) => existsSync(place));
  if (!claude()) {
    const npm = "npm install --ignore-scripts --no-save --no-audit --no-fund";
    const there = places.map((place) => `[ -x '${place}' ]`).join(" || ");
    once(`${there} || ${npm} --prefix '${prefix}' @anthropic-ai/claude-code@${version}`);
  }
  return claude();
}
