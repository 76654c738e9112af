/** Bounds on pools and their members. */
import { OPERATOR_NAME } from "../../rules/names.ts";
import { memberOf } from "../../rules/pools.ts";
import { MAX_DEVICE_POOLS, MAX_MEMBERS, MAX_MEMBERSHIPS, MAX_POOLS, requireBelow } from "../../rules/quotas.ts";
import type { Peer } from "../../store/peers.ts";
import { countMemberships, countPools, type PoolRow } from "../../store/pools.ts";
import type { Sql } from "../../store/store.ts";
import type { Context } from "../core/operation.ts";

/** Throws `rate_limited` when there are too many active pools: of this creator, of its device, or in all. A person has no limit. */
export async function refuseMore(
  { sql, device, limits }: Pick<Context, "sql" | "device" | "limits">,
  { created_by }: PoolRow,
): Promise<void> {
  if (created_by === OPERATOR_NAME) return;
  const count = await countPools(sql, created_by, device?.device_id ?? null);
  const hint = "Archive one that is done, or use an existing one.";
  requireBelow(count.own, MAX_POOLS, "Too many active pools have the same creator", hint);
  requireBelow(count.device, MAX_DEVICE_POOLS, "Too many active pools were created on this machine", hint);
  requireBelow(count.all, limits.pools, "Too many pools are active", hint);
}

/** Throws `rate_limited` when a new member would be one too many for the pool, or the pool one too many for it. */
export async function refuseMember(sql: Sql, pool: PoolRow, size: number, peer: Peer): Promise<void> {
  if (memberOf(pool, peer.peer_id)) return;
  requireBelow(size, MAX_MEMBERS, `@${pool.name} has too many members`, "Create another pool.");
  const pools = await countMemberships(sql, peer.peer_id);
  requireBelow(pools, MAX_MEMBERSHIPS, `${peer.name} is in too many pools`, "Leave one that is done: leave_pool.");
}
