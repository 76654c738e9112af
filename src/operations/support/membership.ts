/** Stores changes of a pool's membership, and records them as news for its members. */
import type { Change } from "../../rules/news.ts";
import { changedMembers } from "../../rules/pool-lifecycle.ts";
import { leadOf, type Pool } from "../../rules/pools.ts";
import { change } from "../../rules/texts/notices.ts";
import type { Peer } from "../../store/peers.ts";
import { type PoolRow, putMember, updatePool } from "../../store/pools.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { releaseMuted } from "./mutes.ts";
import { report } from "./post.ts";

/** Looks up the peer of a member. */
export type Person = (peerId: string) => Peer | undefined;

/** Stores the members and the archived state that a rule changed. */
export async function record(context: TransactionContext, before: PoolRow, after: Pool): Promise<void> {
  const { sql, changed } = context;
  const { pool_id } = before;
  for (const member of changedMembers(before, after)) {
    await putMember(sql, pool_id, member);
    changed({ what: "membership", id: member.peer_id });
  }
  if (after.archived_at !== before.archived_at) await updatePool(sql, after);
  // Nobody sees the pause of an archived pool, so its mail goes on.
  if (after.archived_at !== null && before.paused) await releaseMuted(context, pool_id);
  changed({ what: "pool", id: pool_id });
}

/** A change of one membership. */
export interface MemberChange {
  about: string;
  change: Change;
  text: string;
}

/**
 * Records what changed in the pool's history, where members find it with their next mail, and who is the new lead, if that
 * changed: it gets mail about it, unless it is one of `informed`.
 */
export async function tellMembers(
  context: TransactionContext,
  before: Pool,
  after: Pool,
  person: Person,
  changes: readonly MemberChange[],
  informed: readonly string[] = [],
): Promise<void> {
  for (const { text, ...news } of changes) await report(context, { to: [], pool: after, text, urgency: "low", news });
  const lead = leadOf(after);
  if (!lead || lead.peer_id === leadOf(before)?.peer_id) return;
  const who = informed.includes(lead.peer_id) ? undefined : person(lead.peer_id);
  const text = change.lead(lead.name);
  const news = { about: lead.peer_id, change: "lead" as const };
  await report(context, { to: who ? [who] : [], pool: after, text, urgency: "low", news });
}
