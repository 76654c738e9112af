/** The shapes of pools and members in answers. */
import * as z from "zod";
import { leadOf, memberOf, membersOf, type Pool, visibilityOf } from "../../rules/pools.ts";
import type { PoolRow } from "../../store/pools.ts";
import type { Caller } from "../core/operation.ts";
import type { Person } from "./membership.ts";
import { type AddressFormatter, viewerOf } from "./references.ts";
import { address, presenceShape, time, toPresenceShape } from "./shapes.ts";

export const poolName = z
  .string()
  .min(1)
  .max(80)
  .describe("the pool's name, or the first 4 or more characters of its id");

export const poolShape = z.object({
  pool_id: z.string(),
  name: z.string(),
  purpose: z.string(),
  state: z.enum(["active", "archived"]),
  size: z.int().describe("members"),
  private: z.boolean().optional().describe("only its members see it"),
  lead: z.string().nullable().optional().describe("for members"),
  your_role: z.string().optional(),
  created_at: time.optional().describe("for members"),
  archived_at: time.nullable().optional().describe("for members"),
});

/** A pool as the caller may see it: a non-member sees only id, name, purpose, state and size. */
export function toPoolShape(pool: PoolRow, caller: Caller, size = membersOf(pool).length): z.input<typeof poolShape> {
  const mine = caller.kind === "peer" ? memberOf(pool, caller.peer.peer_id) : undefined;
  const shown = {
    pool_id: pool.pool_id,
    name: pool.name,
    purpose: pool.purpose,
    state: pool.archived_at === null ? ("active" as const) : ("archived" as const),
    size,
  };
  if (visibilityOf(pool, viewerOf(caller)) !== "inside") return shown;
  return {
    ...shown,
    private: pool.private,
    lead: leadOf(pool)?.name ?? null,
    ...(mine ? { your_role: mine.role } : {}),
    created_at: pool.created_at,
    archived_at: pool.archived_at,
  };
}

export const memberShape = z.object({
  peer_id: z.string(),
  name: z.string(),
  role: z.string(),
  host: z.string(),
  address,
  ...presenceShape,
  released: z.boolean().describe("by a vote: it gets no more broadcasts and will leave"),
  you: z.boolean(),
});

export function toMemberShapes(
  pool: Pick<Pool, "members">,
  person: Person,
  caller: Caller,
  format: AddressFormatter,
  now: number,
): z.input<typeof memberShape>[] {
  return membersOf(pool).flatMap((member) => {
    const peer = person(member.peer_id);
    if (!peer) return [];
    return {
      peer_id: member.peer_id,
      name: peer.name,
      role: member.role,
      host: peer.host,
      address: format(peer),
      ...toPresenceShape(peer, caller.kind === "operator" ? "all" : "public", now),
      released: member.releasing_until !== null,
      you: caller.kind === "peer" && caller.peer.peer_id === member.peer_id,
    };
  });
}
