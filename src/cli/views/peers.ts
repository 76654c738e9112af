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
const trouble = { live: "", quiet: ", no hook", unwritable: ", cannot write mail" };

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
