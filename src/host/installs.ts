/** The hosts besides Claude Code that CCT installs itself into. */
import { codexInstall } from "./codex.ts";
import { copilotInstall } from "./copilot.ts";
import { geminiInstall } from "./gemini.ts";
import type { HostInstall } from "./host-install.ts";
import { opencodeInstall } from "./opencode.ts";
import { qwenInstall } from "./qwen.ts";

export const otherInstalls: readonly HostInstall[] = [
  qwenInstall,
  codexInstall,
  opencodeInstall,
  copilotInstall,
  geminiInstall,
];

/** The default of `--host`. */
export const CLAUDE = "claude";
export const hostNames = [CLAUDE, ...otherInstalls.map(({ name }) => name)];
