/**
 * Which peer a session is. A peer is kept on record with the conversation (session id) that it has now and those that it
 * had before; a host process is one peer at a time, and two processes are never the same one.
 */

export interface ConversationRecord {
  peer_id: string;
  /** The conversation that the peer has, of the last session when it is offline. */
  session_id: string | undefined;
  /** Conversations that it had before (`/clear`, `/resume`), the last one first. */
  earlier: readonly string[];
  /** When the peer was made, in milliseconds since 1970. */
  since: number;
}

const MAX_EARLIER = 20;

/**
 * The peers that a host process with the conversation `session` may be, the best first; with none, it is a new one.
 *
 * The peer that has the conversation comes first, the process's own before others, an older one before a younger one.
 * When nobody has it, the one that had it before does. Else the process stays what it was. Another process's peer is
 * nobody else's while that process lives: neither with the conversation that it has now, nor with one that it left.
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
        const place = (record: R): number => record.earlier.indexOf(session);
        holders = oursFirst(former.toSorted((a, b) => place(a) - place(b)));
      }
    }
  }
  return [...new Set([...holders.filter(free), ...ours])];
}

/**
 * What is kept of a peer whose session has the conversation `session` now. The conversation of another peer (which
 * lives, else the session had become that one) stays the other's.
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
