/** What the clock does: claims lapse, mail expires, sessions fall silent, services go. Rules decide, statements record. */

import type { Environment, Hint } from "../operations/operation.ts";
import { removeGoneServices } from "../operations/services.ts";
import { expire, lapse } from "../rules/delivery.ts";
import { isLive, LEASE_MS } from "../rules/presence.ts";
import { expiredDeliveries, staleClaims, updateDelivery } from "../store/messages.ts";
import { listSessions, type Peer, updatePeer } from "../store/peers.ts";

/** Runs one sweep. `isGone` tells of a session on this machine whose process has ended. */
export async function sweep(environment: Environment, isGone: (peer: Peer) => boolean): Promise<void> {
  const now = environment.now();
  const hints = await environment.store.tx(async (sql) => {
    const hints: Hint[] = [];
    for (const delivery of await staleClaims(sql, now - LEASE_MS, now)) {
      const next = lapse(delivery, now);
      if (!next) continue;
      await updateDelivery(sql, { ...delivery, ...next });
      hints.push({ peer_id: delivery.peer_id, about: "mail" });
    }
    for (const delivery of await expiredDeliveries(sql, now)) {
      const next = expire(delivery, now);
      if (next) await updateDelivery(sql, { ...delivery, ...next });
    }
    for (const peer of await listSessions(sql)) {
      if (isLive(peer, now) && !isGone(peer)) continue;
      await updatePeer(sql, { ...peer, presence: "offline" });
    }
    await removeGoneServices(sql, now);
    return hints;
  });
  for (const hint of hints) environment.publish(hint);
}
