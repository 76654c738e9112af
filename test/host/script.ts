/** What the scripted model does. A script is a list of turns; a request that no script covers is answered with "OK". */

export interface ToolCall {
  name: string;
  input: Record<string, unknown>;
}

export interface Turn {
  text?: string;
  tools?: ToolCall[];
  /** The answer begins when this gate is opened: a model that thinks for as long as the test likes. */
  gate?: string;
}

/** How a prompt names its script. */
export const PLAY = /\bPLAY ([a-z0-9]+)\b/;

/** The text of a turn without tools, which ends it. */
export const say = (text: string): Turn => ({ text });

/** Several calls side by side are one batch. */
export const use = (...tools: ToolCall[]): Turn => ({ tools });

export const bash = (command: string): ToolCall => ({ name: "Bash", input: { command, description: "a step" } });

/** One of our own tools where CCT is installed by entries in the settings. */
export const classicCct = (tool: string, input: Record<string, unknown> = {}): ToolCall => ({
  name: `mcp__cct__cct_${tool}`,
  input,
});

/** One of our own tools, as the plugin's users see it. */
export const cct = (tool: string, input: Record<string, unknown> = {}): ToolCall => ({
  name: `mcp__plugin_cct_cct__cct_${tool}`,
  input,
});
