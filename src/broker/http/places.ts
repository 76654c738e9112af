/** The limit on registered peers. At the limit, peers that are away and that nothing holds make room for new ones. */
import { type Environment, transact } from "../../operations/core/transaction.ts";
import { removeAway } from "../../operations/support/retention.ts";
import { CctError } from "../../platform/errors.ts";
import { hasElapsed, NAME_HOLD_MS } from "../../rules/presence.ts";
import { countPeers } from "../../store/peers.ts";

/** After a search that found nobody to remove, the next one waits this long: it looks at every peer that is away. */
const SEARCH_PAUSE_MS = 10_000;
/** A count of all peers takes longer the more there are, so it holds for so long, with what this broker has added since. */
const COUNT_HOLDS_MS = 5_000;

export interface Places {
  /** Throws `rate_limited` when the broker has all the peers that it may have, and none of them can be removed. */
  requireOne(): Promise<void>;
}

/**
 * This runs outside the transaction that creates the peer, where reading all peers would make concurrent registrations
 * conflict; so a few too many may get through: what other brokers register while a count holds.
 */
export function createPlaces(environment: Environment): Places {
  const { store, limits } = environment;
  let searchedAt: number | undefined;

  let counted: { peers: number; at: number } | undefined;

  async function isFull(): Promise<boolean> {
    const now = environment.now();
    const holds = counted !== undefined && !hasElapsed(counted.at, COUNT_HOLDS_MS, now);
    if (!counted || !holds || counted.peers >= limits.peers) counted = { peers: await store.read(countPeers), at: now };
    return counted.peers >= limits.peers;
  }

  async function makeRoom(): Promise<void> {
    const now = environment.now();
    if (searchedAt !== undefined && !hasElapsed(searchedAt, SEARCH_PAUSE_MS, now)) return;
    const removed = await transact(environment, async ({ sql, confirmed, isConfirmed }) =>
      isConfirmed ? removeAway(sql, confirmed - NAME_HOLD_MS, confirmed) : 0,
    );
    searchedAt = removed === 0 ? now : undefined;
  }

  return {
    async requireOne() {
      if (limits.peers === 0) return;
      if (await isFull()) await makeRoom();
      const isStillFull = await isFull();
      // One that returns is counted too: too high a count only makes the next one come sooner.
      if (counted) counted.peers++;
      if (!isStillFull) return;
      throw new CctError(
        "rate_limited",
        `The broker has all the peers that it may have (the limit is ${limits.peers}), and none can be removed: each was seen within a day, or has mail, a pool, a service or an open vote.`,
        "Resume an earlier session, as with claude --resume. The operator can remove or merge peers (cct peers forget, cct peers merge) or raise the limit: cct config set max_peers <number>",
      );
    },
  };
}
