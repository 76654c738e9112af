/** What CCT's plugin for OpenCode and its session servers call things between them. */

/** How the plugin introduces itself where a turn can be begun. */
export const OPENCODE_CLIENT = "cct-opencode";

/** The notification that asks the plugin to begin a turn, in which the hook of the prompt takes the mail. */
export const RING = "notifications/cct/ring";

/** In the shell of the model: its session. */
export const SHELL_VARIABLE = "CCT_OPENCODE_SESSION";
