/** Installs CCT into Codex: a part of its `config.toml`, with a session server and hooks that call it. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { codex } from "../hosts/codex.ts";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import { type CodexHook, type CodexPart, isInConfig, isTrusted, withoutPart, withPart } from "./codex-config.ts";
import { applyAll, effectiveChanges, exists, type FileChange, removeEmpty } from "./files.ts";
import type { HostInstall } from "./host-install.ts";
import { onPath } from "./on-path.ts";

type Here = Pick<World, "env" | "cwd">;

const codexFolder = ({ env, cwd }: Here): string =>
  env.CODEX_HOME ? resolve(cwd, env.CODEX_HOME) : join(env.HOME || homedir(), ".codex");

/** `~/.codex/config.toml`. */
const codexConfig = (world: Here): string => join(codexFolder(world), "config.toml");

/** What each hook tells. A place that an event does not fill makes the hook fail, so each names only what its event has. */
const INPUTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the host fills these in
  SessionStart: { cwd: "${cwd}" },
  UserPromptSubmit: { cwd: "${cwd}" },
  PreToolUse: { tool: "${tool_name}" },
  PostToolUse: { tool: "${tool_name}" },
  PermissionRequest: { tool: "${tool_name}" },
  Stop: { cwd: "${cwd}" },
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the host fills these in
};
const SESSION = "${session_id}";

const TIMEOUT_S = 10;
/** It allows no more at an interrupt. */
const INTERRUPT_S = 3;

function partFor(world: World): CodexPart {
  const hooks = Object.entries(codex.events).map(
    ([event, { role }]): CodexHook => ({
      event,
      input: { event: role, session: SESSION, ...INPUTS[event] },
      timeout: event === "Interrupt" ? INTERRUPT_S : TIMEOUT_S,
    }),
  );
  return { server: [world.node, join(world.root, "dist", "bin.js"), "mcp", "--host", codex.name], hooks };
}

const configOf = (world: Here): string => readIfThere(codexConfig(world)) ?? "";

const plan = (world: World, { trust = false }: { trust?: boolean } = {}): FileChange[] => {
  const path = codexConfig(world);
  return effectiveChanges([{ path, content: withPart(path, readIfThere(path), partFor(world), trust) }]);
};

function planRemoval(world: World): FileChange[] {
  const path = codexConfig(world);
  const text = configOf(world);
  return isInConfig(text) ? [{ path, content: withoutPart(path, text, partFor(world)) }] : [];
}

const found = (world: Here): { version?: string } | undefined =>
  onPath(world, "codex", "@openai/codex") ?? (exists(codexFolder(world)) ? {} : undefined);

export const codexInstall: HostInstall = {
  name: codex.name,
  title: codex.title,
  tried: ["0.169.0"],
  hookTrust: {
    about: [
      "Codex runs a hook only if you trust it. CCT's start no program: each is a call of CCT's own server, and brings mail.",
      "Without them a session of Codex gets mail only when its model asks for it.",
    ],
    isGiven: (world) => isTrusted(codexConfig(world), configOf(world), partFor(world)),
    missing:
      "Codex does not run CCT's hooks yet, because you did not say that you trust them: cct install --host codex --trust",
  },
  folder: codexConfig,
  found,
  isInstalled: (world) => isInConfig(configOf(world)),
  plan,
  planRemoval,
  install: (world, options) => applyAll(plan(world, options), world),
  uninstall(world) {
    const changes = planRemoval(world);
    applyAll(changes, world);
    if (changes.some(({ content }) => content === undefined)) removeEmpty([codexFolder(world)]);
    return changes.length;
  },
};
