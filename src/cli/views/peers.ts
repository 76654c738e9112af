/** Peers and their presence. */
import type { OutputOf } from "../../operations/index.ts";
import { oneLine, span } from "../../rules/text.ts";
import { type Screen, table } from "../parts/output.ts";

export function peers({ peers }: OutputOf<"list_peers">, screen: Screen, now: number): string {
  if (peers.length === 0)
    return "No peer is registered. Sessions register when Claude Code starts with CCT installed.\n";
  const rows = peers.map((peer) => [
    peer.peer_id.slice(0, 4),
    peer.name,
    peer.presence === "offline"
      ? `offline ${span(now - peer.last_seen)}`
      : presence(peer, now) + trouble[peer.hooks ?? "live"],
    peer.waiting > 0 ? String(peer.waiting) : "",
    peer.host,
    peer.pools.map((name) => `@${name}`).join(" "),
    peer.branch ?? "",
    peer.cwd,
    peer.summary,
  ]);
  return table(screen, ["ID", "NAME", "PRESENCE", "MAIL", "HOST", "POOLS", "BRANCH", "DIRECTORY", "SUMMARY"], rows);
}

/** Why mail does not arrive by itself. */
const trouble = { live: "", quiet: ", no hook", unwritable: ", cannot write mail", unserved: ", no session server" };

export function presenceLine(peer: OutputOf<"set_busy">, _screen: Screen, now: number): string {
  return `${oneLine(`${peer.name} is ${presence(peer, now)}`, 1000)}.\n`;
}

type Presence = Pick<OutputOf<"set_busy">, "presence" | "busy_reason" | "busy_until">;

/** `idle`, `busy (the test suite, 6 min left)`. */
export function presence({ presence, busy_reason, busy_until }: Presence, now: number): string {
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
