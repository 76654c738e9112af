/** The hosts that CCT knows, and any other program that speaks MCP. */
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import { copilot } from "./copilot.ts";
import { gemini } from "./gemini.ts";
import type { Host } from "./host.ts";
import { opencode } from "./opencode.ts";
import { qwen } from "./qwen.ts";

export const hosts: readonly Host[] = [claude, qwen, codex, opencode, copilot, gemini];

/** Of an install that names no host. */
export const defaultHost = claude;

/** The host of that name. One that CCT does not know has no hooks: its model gets its mail with `cct_check_messages`. */
export const hostNamed = (name: string): Host => hosts.find((host) => host.name === name) ?? plain(name);

const plain = (name: string): Host => ({
  name,
  title: name,
  unattended: { server: [], hooks: [] },
  endsForGood: [],
  events: {},
  tools: { own: "cct_", search: "", shell: "" },
  hooksTell: () => false,
  wakes: () => false,
  words: { died: "" },
});
