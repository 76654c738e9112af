/**
 * Topics of the broker's reports. While a report waits, a later one with the same topic replaces it: the recipient reads what
 * is true now, once. Reports of which each has to be read have no topic.
 */

/** Whether a pool is archived. */
export const poolState = (poolId: string): string => `pool ${poolId}`;
/** The proposals to release a member. */
export const releaseOf = (poolId: string, peerId: string): string => `release ${poolId} ${peerId}`;
/** What a peer must know of its own place in a pool: that it was added, that it has another role, that it was released. */
export const ownPlace = (poolId: string, what: "added" | "role" | "released"): string => `${what} ${poolId}`;
/** Whether a peer is busy. */
export const busySignal = (peerId: string): string => `busy ${peerId}`;
