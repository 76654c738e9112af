/** The overview: who is there, pools, services, and what waits. */
import type { OutputOf } from "../../operations/index.ts";
import { shownName } from "../../rules/agents.ts";
import { countText } from "../../rules/counted.ts";
import { presences } from "../../rules/presence.ts";
import { span } from "../../rules/text.ts";
import { count, type Screen } from "../parts/output.ts";
import { table } from "../parts/table.ts";
import { presence, presenceStyles } from "./peers.ts";

export function overview(
  { peers, pools, services, counts }: OutputOf<"overview">,
  screen: Screen,
  now: number,
): string {
  const sessions = presences.flatMap((one) => (counts.peers[one] ? [`${counts.peers[one]} ${one}`] : []));
  const inPool = new Map(pools.map((pool) => [pool.pool_id, `@${pool.name}`]));
  const rows = peers.map((peer) => [
    shownName(peer),
    { text: presence(peer, now), style: presenceStyles[peer.presence] },
    peer.since === undefined ? "" : span(now - peer.since),
    peer.waiting > 0 ? countText(peer.waiting) : "",
    peer.pools.map((id) => inPool.get(id) ?? "").join(" "),
    peer.branch ?? "",
    peer.summary,
    peer.host,
  ]);
  const lines = [
    `Sessions: ${sessions.join(", ") || "none"}`,
    `${count(pools.length, "pool")}, ${count(services.length, "service")}`,
    ...(counts.waiting === undefined
      ? []
      : [`${counts.waiting} waiting, ${counts.held ?? 0} held, ${counts.unread ?? 0} unread for you`]),
  ];
  return `${lines.join("\n")}\n${rows.length === 0 ? "" : table(screen, COLUMNS, rows)}`;
}

const COLUMNS = [
  { heading: "NAME", least: 12, keepBoth: true },
  { heading: "PRESENCE", least: 10 },
  "FOR",
  "MAIL",
  { heading: "POOLS", least: 12, optional: 2 },
  { heading: "BRANCH", least: 12, optional: 3 },
  { heading: "SUMMARY", least: 20 },
  { heading: "HOST", least: 10, keepBoth: true, optional: 4 },
];
