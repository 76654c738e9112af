/** Stores changes of a pool's membership, and reports them to its members. */
import { changedMembers } from "../../rules/pool-lifecycle.ts";
import { broadcastRecipients, leadOf, type Pool } from "../../rules/pools.ts";
import type { Peer } from "../../store/peers.ts";
import { type PoolRow, putMember, updatePool } from "../../store/pools.ts";
import type { Context } from "../core/operation.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { report } from "./post.ts";

/** Looks up the peer of a member. */
export type Person = (peerId: string) => Peer | undefined;

/** Stores the members and the archived state that a rule changed. */
export async function record({ sql }: Pick<Context, "sql">, before: PoolRow, after: Pool): Promise<void> {
  for (const member of changedMembers(before, after)) await putMember(sql, before.pool_id, member);
  if (after.archived_at !== before.archived_at) await updatePool(sql, after);
}

/** Reports to all members, except those named, what happened and who is the new lead, if that changed. */
export async function tellMembers(
  context: TransactionContext,
  before: Pool,
  after: Pool,
  person: Person,
  what: readonly string[],
  ...except: readonly string[]
): Promise<void> {
  const lead = leadOf(after);
  const news = lead && lead.peer_id !== leadOf(before)?.peer_id ? [`${lead.name} is the new lead.`] : [];
  const to = broadcastRecipients(after, "").flatMap((member) =>
    except.includes(member.peer_id) ? [] : (person(member.peer_id) ?? []),
  );
  await report(context, { to, pool: after, text: [...what, ...news].join(" "), urgency: "low" });
}
