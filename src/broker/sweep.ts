/** What the clock does: claims lapse, mail expires, sessions fall silent, services go. Rules decide, statements record. */
import { endBusy, isBusyOver } from "../operations/busy.ts";
import type { Environment, Hint } from "../operations/operation.ts";
import { recordOutcome } from "../operations/outcomes.ts";
import { removeGoneServices } from "../operations/services.ts";
import { settlePools } from "../operations/settle.ts";
import { expire, lapse } from "../rules/delivery.ts";
import { isLive, LEASE_MS } from "../rules/presence.ts";
import { expiredDeliveries, staleClaims } from "../store/messages.ts";
import { listSessions, type Peer, updatePeer } from "../store/peers.ts";

/** Runs one sweep. `isGone` tells of a session on this machine whose process has ended; `absenceMs`: see `settlePools`. */
export async function sweep(
  environment: Environment,
  isGone: (peer: Peer) => boolean,
  absenceMs: number,
): Promise<void> {
  const now = environment.now();
  const hints = await environment.store.tx(async (sql) => {
    const hints: Hint[] = [];
    const context = { ...environment, sql, now, emit: (hint: Hint) => void hints.push(hint) };
    for (const delivery of await staleClaims(sql, now - LEASE_MS, now)) {
      const next = lapse(delivery, now);
      if (!next) continue;
      await recordOutcome(context, delivery, next);
      hints.push({ peer_id: delivery.peer_id, about: "mail" });
    }
    for (const delivery of await expiredDeliveries(sql, now)) {
      const next = expire(delivery, now);
      if (next) await recordOutcome(context, delivery, next);
    }
    for (const peer of await listSessions(sql)) {
      // Also of a peer that went away while it was busy: who polls for it would poll slowly for ever.
      const lives = isLive(peer, now) && !isGone(peer);
      const current = isBusyOver(peer, now) ? await endBusy(context, peer) : peer;
      if (!lives && current.presence !== "offline") await updatePeer(sql, { ...current, presence: "offline" });
    }
    await settlePools(context, absenceMs);
    await removeGoneServices(sql, now);
    return hints;
  });
  for (const hint of hints) environment.publish(hint);
}
