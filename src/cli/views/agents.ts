/** Live sessions of other agents than Claude Code: what mail can do with them. */
import type { OutputOf } from "../../operations/index.ts";
import { asksForMail } from "../../rules/agents.ts";
import { grouped } from "../../rules/grouped.ts";
import { abilitiesOf } from "../../rules/texts/limits.ts";

type Peer = OutputOf<"list_peers">["peers"][number];

/** More are only counted. */
const MAX_NAMED = 5;

/** A line for each agent and each of what its sessions can do. */
export function agentLines(peers: readonly Peer[]): { agent: string; text: string; isWell: boolean }[] {
  const others = peers.filter(({ agent, presence }) => agent !== undefined && presence !== "offline");
  return [...grouped(others, (peer) => `${peer.agent} ${abilitiesOf(peer)}`).values()].flatMap((alike) => {
    const [one] = alike;
    if (one?.agent === undefined) return [];
    const names = alike.slice(0, MAX_NAMED).map(({ name }) => name);
    const more = alike.length > names.length ? ` and ${alike.length - names.length} more` : "";
    const text = `${names.join(", ")}${more}: ${abilitiesOf(one)}`;
    return [{ agent: one.agent, text, isWell: one.hooks === undefined || asksForMail(one) }];
  });
}
