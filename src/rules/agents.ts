/** Agents: the programs whose sessions are peers. */

/** Whose sessions are meant where no agent is named. */
export const CLAUDE = "claude";

/** The shape of an agent's name: that of a peer's, with at most 32 characters. */
export const AGENT = /^[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?$/i;

/** As it is stored. */
export const agentFrom = (name: string | undefined): string => name?.toLowerCase() ?? CLAUDE;

export const isClaude = (agent: string | undefined): boolean => agent === undefined || agent === CLAUDE;

/** What a session of an agent can do with mail, as far as it is known. */
export interface Abilities {
  agent?: string | undefined;
  hooks?: string | undefined;
  wakes?: boolean | undefined;
  midturn?: boolean | undefined;
}

/**
 * Whether nothing brings it mail, by its nature and not by a fault: any MCP client, whose model asks for its mail. That it has no
 * hooks is known only after a while, so it does not count here; a session server that is gone, or cannot write, does.
 */
export const asksForMail = ({ agent, hooks = "live", wakes, midturn }: Abilities): boolean =>
  !isClaude(agent) && wakes === false && midturn === false && (hooks === "live" || hooks === "quiet");

/** `api (codex)`: as people see it in lists. An address is the name alone. */
export const shownName = ({ name, agent = CLAUDE }: { name: string; agent?: string | undefined }): string =>
  isClaude(agent) ? name : `${name} (${agent})`;

/** `api (gone)`: a removed peer, in what is told of the past. */
export const shownGone = (name: string, isGone: boolean | undefined): string => (isGone ? `${name} (gone)` : name);

/** A reference without what a list shows beside a name. No name has a space, so nothing else can be meant. */
export const withoutAgent = (ref: string): string => ref.trim().replace(/ \([a-z0-9._-]{1,32}\)$/i, "");
