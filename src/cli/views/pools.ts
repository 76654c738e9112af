/** Pools and their members. */
import type { OutputOf } from "../../operations/index.ts";
import { oneLine } from "../../rules/text.ts";
import { clockTime, type Screen, table } from "../parts/output.ts";
import { presence } from "./peers.ts";
import { proposal } from "./proposals.ts";

type Pool = OutputOf<"list_pools">["pools"][number];
type PoolWithMembers = OutputOf<"join_pool">;

export function poolList({ pools }: OutputOf<"list_pools">, screen: Screen): string {
  if (pools.length === 0) return "No pools. Create one with: cct pool create <name> <purpose>\n";
  const rows = pools.map((pool) => [
    pool.pool_id.slice(0, 4),
    `@${pool.name}`,
    stateOf(pool),
    String(pool.size),
    pool.lead ?? "",
    pool.purpose,
  ]);
  return table(screen, ["ID", "POOL", "STATE", "MEMBERS", "LEAD", "PURPOSE"], rows);
}

const stateOf = (pool: Pool): string => (pool.private ? `${pool.state}, private` : pool.state);

export function poolLine(pool: Pool): string {
  return `${oneLine(`@${pool.name}, ${stateOf(pool)}: ${pool.purpose}`, 600)}\n`;
}

export function poolWithMembers({ pool, members }: PoolWithMembers, screen: Screen, now: number): string {
  return poolLine(pool) + memberTable(members, screen, now);
}

function memberTable(members: PoolWithMembers["members"], screen: Screen, now: number): string {
  if (members.length === 0) return "No members.\n";
  const rows = members.map((member) => [
    member.peer_id.slice(0, 4),
    member.name,
    member.released ? `${member.role}, released` : member.role,
    member.host,
    presence(member, now),
  ]);
  return table(screen, ["ID", "MEMBER", "ROLE", "HOST", "PRESENCE"], rows);
}

export function poolStatus(status: OutputOf<"pool_status">, screen: Screen, now: number): string {
  const rows = status.recent_messages
    .toReversed()
    .map((message) => [clockTime(message.sent_at), message.from_address ?? message.from_name, message.text]);
  return [
    poolLine(status.pool),
    memberTable(status.members, screen, now),
    ...status.open_proposals.map((one) => proposal(one, screen, now)),
    ...(rows.length > 0 ? [table(screen, ["SENT (UTC)", "FROM", "TEXT"], rows)] : []),
  ].join("\n");
}
