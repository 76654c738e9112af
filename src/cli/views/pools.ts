/** Pools and their members. */
import type { OutputOf } from "../../operations/index.ts";
import { oneLine } from "../../rules/text.ts";
import { ago, type Screen } from "../parts/output.ts";
import { table, wrap } from "../parts/table.ts";
import { presence } from "./peers.ts";
import { proposal } from "./proposals.ts";

type Pool = OutputOf<"list_pools">["pools"][number];
type PoolWithMembers = OutputOf<"join_pool">;

export function poolList({ pools }: OutputOf<"list_pools">, screen: Screen): string {
  if (pools.length === 0) return "No pools. Create one with: cct pool create <name> <purpose>\n";
  const rows = pools.map((pool) => [
    `@${pool.name}`,
    stateOf(pool),
    String(pool.size),
    pool.lead ?? "",
    pool.pool_id.slice(0, 4),
    pool.purpose,
  ]);
  return table(
    screen,
    [
      { heading: "NAME", least: 12, keepBoth: true },
      "STATE",
      { heading: "MEMBERS", optional: 2 },
      { heading: "LEAD", least: 10, keepBoth: true, optional: 1 },
      "ID",
      { heading: "PURPOSE", least: 16 },
    ],
    rows,
  );
}

const stateOf = (pool: Pool): string => (pool.private ? `${pool.state}, private` : pool.state);

export function poolLine(pool: Pool, screen: Screen): string {
  return `${wrap(screen, oneLine(`@${pool.name}, ${stateOf(pool)}: ${pool.purpose}`, 600))}\n`;
}

export function poolWithMembers({ pool, members }: PoolWithMembers, screen: Screen, now: number): string {
  return poolLine(pool, screen) + memberTable(members, screen, now);
}

function memberTable(members: PoolWithMembers["members"], screen: Screen, now: number): string {
  if (members.length === 0) return "No members.\n";
  const rows = members.map((member) => [
    member.name,
    member.released ? `${member.role}, released` : member.role,
    presence(member, now),
    member.peer_id.slice(0, 4),
    member.host,
  ]);
  return table(
    screen,
    [
      { heading: "NAME", least: 12, keepBoth: true },
      { heading: "ROLE", least: 8 },
      { heading: "PRESENCE", least: 10 },
      "ID",
      { heading: "HOST", least: 8, keepBoth: true, optional: 1 },
    ],
    rows,
  );
}

export function poolStatus(status: OutputOf<"pool_status">, screen: Screen, now: number): string {
  const rows = status.recent_messages
    .toReversed()
    .map((message) => [message.from_address ?? message.from_name, ago(message.sent_at, now), message.text]);
  return [
    poolLine(status.pool, screen),
    memberTable(status.members, screen, now),
    ...status.open_proposals.map((one) => proposal(one, screen, now)),
    ...(rows.length > 0
      ? [table(screen, [{ heading: "FROM", least: 10, keepBoth: true }, "SENT", { heading: "TEXT", least: 16 }], rows)]
      : []),
  ].join("\n");
}
