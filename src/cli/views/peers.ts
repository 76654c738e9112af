/** Peers and their presence. */
import type { OutputOf } from "../../operations/index.ts";
import { asksForMail, shownName } from "../../rules/agents.ts";
import { countText } from "../../rules/counted.ts";
import { oneLine, span } from "../../rules/text.ts";
import { limitOf } from "../../rules/texts/limits.ts";
import type { Screen, Style } from "../parts/output.ts";
import { type Cell, type Column, table } from "../parts/table.ts";

export function peers({ peers, away = 0 }: OutputOf<"list_peers">, screen: Screen, now: number): string {
  const others = away === 0 ? "" : `${away} ${away === 1 ? "is" : "are"} away: cct peers --all\n`;
  if (peers.length === 0 && away > 0) return `No session is there now. ${others}`;
  if (peers.length === 0)
    return "No peer is registered. Sessions register when Claude Code or another agent starts with CCT installed.\n";
  const rows = peers.map((peer) => [
    peer.alias === undefined ? shownName(peer) : `${shownName(peer)} (${peer.alias})`,
    presenceCell(peer, now),
    peer.waiting > 0 ? countText(peer.waiting) : "",
    peer.peer_id.slice(0, 4),
    peer.pools.map((name) => `@${name}`).join(" "),
    peer.cwd,
    peer.branch ?? "",
    peer.summary,
    peer.host,
  ]);
  return table(screen, COLUMNS, rows) + others;
}

const COLUMNS: readonly Column[] = [
  { heading: "NAME", least: 12, keepBoth: true },
  { heading: "PRESENCE", least: 12 },
  "MAIL",
  "ID",
  { heading: "POOLS", least: 12, optional: 2 },
  { heading: "DIRECTORY", least: 16, keepEnd: true, optional: 1 },
  { heading: "BRANCH", least: 12, optional: 3 },
  { heading: "SUMMARY", least: 20, optional: 0 },
  { heading: "HOST", least: 10, keepBoth: true, optional: 4 },
];

/** What needs somebody is red, what waits yellow. */
export const presenceStyles: Record<Presence["presence"], Style | undefined> = {
  active: "green",
  idle: undefined,
  busy: "yellow",
  blocked: "red",
  offline: "dim",
};

function presenceCell(peer: OutputOf<"list_peers">["peers"][number], now: number): Cell {
  if (peer.presence === "offline") return { text: `offline ${span(now - peer.last_seen)}`, style: "dim" };
  const hooks = peer.hooks ?? "live";
  return {
    text: presence(peer, now) + (limitOf(peer) ?? trouble[hooks]),
    style: hooks === "live" || asksForMail(peer) ? presenceStyles[peer.presence] : "red",
  };
}

/** Why mail does not arrive by itself. */
const trouble = { live: "", quiet: ", no hook", unwritable: ", cannot write mail", unserved: ", no session server" };

export function presenceLine(peer: OutputOf<"set_busy">, _screen: Screen, now: number): string {
  return `${oneLine(`${peer.name} is ${presence(peer, now)}`, 1000)}.\n`;
}

type Presence = Pick<OutputOf<"set_busy">, "presence" | "busy_reason" | "busy_until" | "blocked_on">;

/** `idle`, `busy (the test suite, 6 min left)`, `blocked (Bash)`. */
export function presence({ presence, busy_reason, busy_until, blocked_on }: Presence, now: number): string {
  if (blocked_on) return `blocked (${blocked_on.tool})`;
  if (presence !== "busy") return presence;
  const left = busy_until === undefined ? "" : busy_until > now ? `, ${span(busy_until - now)} left` : ", overdue";
  return `busy (${busy_reason ?? ""}${left})`;
}

/** `2 messages waited; it was in @front`. */
const share = (messages: number, pools: readonly string[]): string =>
  [
    messages === 0 ? "no message waited" : messages === 1 ? "1 message waited" : `${messages} messages waited`,
    ...(pools.length > 0 ? [`it was in ${pools.map((name) => `@${name}`).join(", ")}`] : []),
  ].join("; ");

export function renamedPeer({ name }: OutputOf<"rename_peer">): string {
  return `Renamed to ${name}.\n`;
}

export function mergedPeers(merged: OutputOf<"merge_peers">): string {
  const { name, from_name, messages, pools } = merged;
  return `Merged ${from_name} into ${name}: ${share(messages, pools)}.\n`;
}

export function forgottenPeer({ name, messages, pools }: OutputOf<"forget_peer">): string {
  return `Forgot ${name}: ${share(messages, pools)}.\n`;
}
