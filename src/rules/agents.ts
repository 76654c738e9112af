/** Agents: the programs whose sessions are peers. */

/** Whose sessions are meant where no agent is named. */
const CLAUDE = "claude";

/** The shape of an agent's name: that of a peer's, with at most 32 characters. */
export const AGENT = /^[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?$/i;

/** As it is stored. */
export const agentFrom = (name: string | undefined): string => name?.toLowerCase() ?? CLAUDE;

export const isClaude = (agent: string | undefined): boolean => agent === undefined || agent === CLAUDE;
