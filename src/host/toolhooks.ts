/**
 * The plugin's hooks where there is no cheap bash: each is a call of the session server's tool, but for the two that have
 * to be programs (`cct hook`).
 */

/** What the host runs for an event: our bash script, or a tool of the session server. */
export type HookKind = "bash" | "mcp_tool";

const EVENTS: Record<string, Record<string, string>> = {
  UserPromptSubmit: {},
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the host fills these in
  PreToolUse: { tool: "${tool_name}", agent: "${agent_id}" },
  PostToolBatch: { agent: "${agent_id}" },
  PermissionRequest: {},
  Stop: {},
  StopFailure: {},
  SessionEnd: { reason: "${reason}" },
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the host fills these in
};

/** The text of `hooks.json`. `program`: the words that run `cct`; `ask`: the host's questions for our own tools stay on. */
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
    FileChanged: [run("FileChanged", { asyncRewake: true })],
  };
  const description = "Claude Code Talk: mail between sessions";
  return `${JSON.stringify({ description, hooks }, null, 2)}\n`;
}
