/** Stores changes of a pool's membership, and reports them to its members. */
import { changedMembers } from "../../rules/pool-lifecycle.ts";
import { broadcastRecipients, leadOf, type Pool } from "../../rules/pools.ts";
import { membership } from "../../rules/topics.ts";
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

/** What happened in a pool. */
export interface News {
  what: readonly string[];
  /** The members whose membership changed. */
  about: readonly string[];
  /** Peers that know already. */
  except?: readonly string[];
}

/** Reports to all members, except those named, what happened and who is the new lead, if that changed. */
export async function tellMembers(
  context: TransactionContext,
  before: Pool,
  after: Pool,
  person: Person,
  { what, about, except = [] }: News,
): Promise<void> {
  const lead = leadOf(after);
  const news = lead && lead.peer_id !== leadOf(before)?.peer_id ? [`${lead.name} is the new lead.`] : [];
  const to = broadcastRecipients(after, "").flatMap((member) =>
    except.includes(member.peer_id) ? [] : (person(member.peer_id) ?? []),
  );
  // A report with more to say than one membership is not replaced: the next one would say only a part of it.
  const [only] = about;
  const isOne = only !== undefined && about.length === 1 && news.length === 0;
  const topic = isOne ? membership(after.pool_id, only) : undefined;
  await report(context, { to, pool: after, text: [...what, ...news].join(" "), urgency: "low", topic });
}
