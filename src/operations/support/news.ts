/** Tells a peer what changed in its pools, as one message beside the mail that it takes. */
import { newsLine } from "../../rules/news.ts";
import { markTold, newsSince, type Untold, untoldPools } from "../../store/news.ts";
import type { Peer } from "../../store/peers.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { REPORT_KEPT_MS, report } from "./post.ts";

/** Pools in one message, so that it stays short. The others follow with the next mail. */
const MAX_POOLS = 5;

/** Some pools with changes that the peer was not told. */
export const newsFor = ({ sql }: Pick<TransactionContext, "sql">, peer: Peer): Promise<Untold[]> =>
  untoldPools(sql, peer.peer_id, MAX_POOLS);

/** Queues a message about these changes; returns whether there is one to be read. */
export async function tellNews(context: TransactionContext, peer: Peer, pools: readonly Untold[]): Promise<boolean> {
  const { sql, now } = context;
  const lines: string[] = [];
  for (const pool of pools) {
    const news = await newsSince(sql, pool, peer.peer_id, Math.max(pool.joined_at, now - REPORT_KEPT_MS));
    if (news.length > 0) lines.push(newsLine(pool.name, news));
    await markTold(sql, pool, peer.peer_id);
  }
  if (lines.length === 0) return false;
  // Its reader is not charged for it, and takes it now: no hint.
  const quiet = { ...context, cause: undefined, emit: () => {} };
  await report(quiet, { to: [peer], pool: undefined, text: lines.join("\n"), urgency: "low" });
  return true;
}
