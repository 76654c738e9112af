/** Ends mutes: what they held goes on, unless another mute holds it too. */
import { releaseHeld } from "../../rules/delivery.ts";
import { type Mute, muteOf } from "../../rules/mutes.ts";
import { allMutes, deleteMute, mutedDeliveries, setHeldBy } from "../../store/mutes.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { recordDelivery } from "./outcomes.ts";

/** Deliveries that are read at once. */
const BATCH = 500;

/** Returns how many deliveries go on. */
export async function endMute(context: TransactionContext, { source, kind }: Pick<Mute, "source" | "kind">) {
  const released = await releaseMuted(context, source);
  context.changed({ what: kind, id: source });
  return released;
}

/** Ends the mute of this source, if there is one, and releases what it holds. */
export async function releaseMuted(context: TransactionContext, source: string): Promise<number> {
  const { sql, now } = context;
  await deleteMute(sql, source);
  const others = await allMutes(sql);
  let released = 0;
  for (let held = await mutedDeliveries(sql, source, BATCH); held.length > 0; ) {
    for (const { from_id, pool_id, ...delivery } of held) {
      const other = muteOf(others, from_id, pool_id, now);
      const next = other ? undefined : releaseHeld(delivery);
      if (!next) {
        await setHeldBy(sql, delivery, other?.source ?? null);
        continue;
      }
      await recordDelivery(context, delivery, next);
      context.emit({ peer_id: delivery.peer_id, about: "mail" });
      released++;
    }
    held = await mutedDeliveries(sql, source, BATCH);
  }
  return released;
}
