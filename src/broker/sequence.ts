/** Sequence numbers for messages: they define the order of sending. */

/**
 * Each number is greater than every earlier one of this broker, than `last` (the highest in the database at the start), and
 * than `above`. A number is the confirmed time (a wrong year would stay in the order for ever) in tenths of a millisecond,
 * which orders the messages of all brokers, followed by two digits, the broker's `slot`, which make collisions between
 * brokers rare. The database's unique index rules them out.
 */
export function createSequence(last: number, now: () => number, slot: number): (above?: number) => number {
  let tenths = Math.floor(last / 100);
  return (above = 0) => {
    tenths = Math.max(tenths + 1, now() * 10, Math.floor(above / 100) + 1);
    return tenths * 100 + slot;
  };
}
