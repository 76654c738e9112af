/**
 * The plugin's hooks for platforms without a fast bash (Windows). Each hook is a call of a session server tool, except
 * two that must be programs (`cct hook`): the host has no servers yet at session start, and only a program can wake.
 */
import { WAKE } from "../rules/texts/frames.ts";

/** What the host runs for a hook: our bash script, or a tool of the session server. */
export type HookKind = "bash" | "mcp_tool";

const EVENTS: Record<string, Record<string, string>> = {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the host fills these in
  UserPromptSubmit: { cwd: "${cwd}" },
  PreToolUse: { tool: "${tool_name}", agent: "${agent_id}" },
  PostToolBatch: { agent: "${agent_id}" },
  PermissionRequest: { tool: "${tool_name}", input: "${tool_input}" },
  Stop: { cwd: "${cwd}" },
  StopFailure: {},
  SessionEnd: { reason: "${reason}" },
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the host fills these in
};

/** The content of `hooks.json`. `program`: the command line of `cct`; `ask`: keep the permission prompts for our own tools. */
export function toolHooks(program: readonly [string, ...string[]], ask: boolean): string {
  const [command, ...words] = program;
  const run = (event: string, more = {}) => ({
    hooks: [{ type: "command", command, args: [...words, "hook", event], timeout: 20, ...more }],
  });
  const calls = Object.entries(EVENTS).map(([event, fields]) => {
    const input = { event, ...fields, ...(event === "PreToolUse" && !ask ? { allow: "yes" } : {}) };
    const hook = { type: "mcp_tool", server: "plugin:cct:cct", tool: "hook", input, timeout: 10 };
    return [event, [{ hooks: [hook] }]];
  });
  const hooks = {
    SessionStart: [run("SessionStart")],
    ...Object.fromEntries(calls),
    FileChanged: [run("FileChanged", { asyncRewake: true, ...WAKE })],
  };
  const description = "Claude Code Talk: mail between sessions";
  return `${JSON.stringify({ description, hooks }, null, 2)}\n`;
}
