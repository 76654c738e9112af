/**
 * Finds sessions whose event stream has ended, and that are not heard from any more: a killed session server on another
 * machine, whose process the broker cannot see. Their hosts may live, so they are not offline, but they get no mail.
 */
import { type Environment, transact } from "../../operations/core/transaction.ts";
import { changePeer } from "../../operations/support/presence.ts";
import { isLive } from "../../rules/presence.ts";
import { findPeers } from "../../store/peers.ts";

/** A session that lives opens its stream again sooner, here or at another broker, and sends a heartbeat then. */
const PATIENCE_MS = 5_000;

export interface Streams {
  /** Peers whose last stream has ended since this was called last. */
  takeEnded(): string[];
  isOpen(peerId: string): boolean;
}

/** What is known of a peer without a stream: since when, and when it was heard last. */
interface Silence {
  since: number;
  last_seen: number;
}

/** Returns the check, to call regularly. */
export function watchDisconnected(environment: Environment, streams: Streams, steady: () => number) {
  const silent = new Map<string, Silence>();
  return async function check(): Promise<void> {
    const ended = streams.takeEnded();
    const known = [...silent.keys()].filter((id) => {
      if (streams.isOpen(id)) silent.delete(id);
      return silent.has(id) && steady() - (silent.get(id)?.since ?? 0) >= PATIENCE_MS;
    });
    if (ended.length > 0)
      for (const { peer_id, last_seen } of await environment.store.read((sql) => findPeers(sql, ended)))
        if (!streams.isOpen(peer_id)) silent.set(peer_id, { since: steady(), last_seen });
    if (known.length === 0) return;
    await transact(environment, async (context) => {
      for (const peer of await findPeers(context.sql, known)) {
        const isUnheard = peer.last_seen === silent.get(peer.peer_id)?.last_seen;
        if (isUnheard && isLive(peer, context.now) && !streams.isOpen(peer.peer_id) && peer.hooks !== "unserved")
          await changePeer(context, peer, { ...peer, hooks: "unserved" });
      }
    });
    for (const id of known) silent.delete(id);
  };
}
