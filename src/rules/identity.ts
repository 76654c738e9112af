/**
 * Decides which peer a session is. Each peer has a record with its current conversation (session id) and earlier ones. A
 * host process is one peer at a time, and two live processes are never the same peer.
 */

export interface ConversationRecord {
  peer_id: string;
  /** The peer's current conversation, or its last one when it is offline. */
  session_id: string | undefined;
  /** Earlier conversations (before `/clear` or `/resume`), the latest first. */
  earlier: readonly string[];
  /** When the peer was created, milliseconds since 1970. */
  since: number;
}

/** Of a seat each session that takes it adds one. */
const MAX_EARLIER = 100;

/**
 * The peers that a host process with conversation `session` can become, best first. Without one it is a new peer.
 *
 * First the peers that have the conversation now: this process's own before others, older before younger ones. If there
 * are none, those that had it earlier. Then the peers that this process already was. A peer of another live process is
 * never a candidate, and neither are the conversations that it had earlier.
 *
 * `isOurs`: the record belongs to this host process. `lives`: the record's host process is running.
 */
export function candidates<R extends ConversationRecord>(
  records: readonly R[],
  session: string | undefined,
  isOurs: (record: R) => boolean,
  lives: (record: R) => boolean,
): R[] {
  const byAge = records.toSorted((a, b) => a.since - b.since);
  const ours = byAge.filter(isOurs);
  const free = (record: R): boolean => isOurs(record) || !lives(record);
  const oursFirst = (found: R[]): R[] => [...found.filter(isOurs), ...found.filter((record) => !isOurs(record))];
  let holders: R[] = [];
  if (session !== undefined) {
    holders = oursFirst(byAge.filter((record) => record.session_id === session));
    if (holders.length === 0) {
      const former = byAge.filter((record) => record.earlier.includes(session));
      if (former.every(free)) {
        const recency = (record: R): number => record.earlier.indexOf(session);
        holders = oursFirst(former.toSorted((a, b) => recency(a) - recency(b)));
      }
    }
  }
  return [...new Set([...holders.filter(free), ...ours])];
}

/**
 * The record of a peer whose session now has conversation `session`. A conversation of another peer stays with that peer:
 * it is live, otherwise this session would have become it.
 */
export function withConversation<R extends ConversationRecord>(
  record: R,
  session: string | undefined,
  records: readonly ConversationRecord[],
): R {
  if (session === undefined || session === record.session_id) return record;
  if (records.some((one) => one.peer_id !== record.peer_id && one.session_id === session)) return record;
  const before = record.session_id === undefined ? [] : [record.session_id];
  const earlier = [...before, ...record.earlier].filter((id) => id !== session).slice(0, MAX_EARLIER);
  return { ...record, session_id: session, earlier };
}
