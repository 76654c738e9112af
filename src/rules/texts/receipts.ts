/** What became of a message, in words for people. */
import { type DeliveryState, deliveryStates, hasFailed } from "../delivery.ts";
import { OPERATOR_NAME } from "../names.ts";
import type { Receipt, Row, States } from "../talk/row.ts";

type Counted = Pick<Row, "states">;

const FAILED = deliveryStates.filter((state) => hasFailed({ state }));
export const failedOf = ({ states }: Counted): number => FAILED.reduce((sum, state) => sum + (states[state] ?? 0), 0);
export const heldOf = ({ states }: Counted): number => states.held ?? 0;
export const totalOf = ({ states }: Counted): number =>
  Object.values(states).reduce((sum: number, count) => sum + (count ?? 0), 0);

/** Whether it is mail to the person here that was not read. */
export const isUnread = ({ recipients }: Pick<Row, "recipients">): boolean =>
  recipients.some(
    ({ peer_id, state }) => peer_id === OPERATOR_NAME && ["queued", "claimed", "delivered"].includes(state),
  );

/** A state, and since when. */
export function stateWords({ state, read_at, delivered_at }: Receipt): { words: string; at: number | undefined } {
  const at = state === "read" ? read_at : state === "delivered" ? delivered_at : undefined;
  return { words: state === "dead" ? "dead letter" : state, at };
}

/** Of all recipients together: the state that a person has to know of. */
export function stateOfAll({ states }: Counted): DeliveryState {
  if (failedOf({ states }) > 0) return "dead";
  if (heldOf({ states }) > 0) return "held";
  const { read = 0, delivered = 0 } = states;
  if (read > 0 && read === totalOf({ states })) return "read";
  return read + delivered > 0 ? "delivered" : "queued";
}

function seenBy({ read = 0, delivered = 0 }: States, total: number): string {
  if (read === total) return `read by all ${total}`;
  if (read > 0) return `read by ${read} of ${total}`;
  return delivered > 0 ? `delivered to ${delivered} of ${total}` : `queued for ${total}`;
}

/** Of many recipients: a count of what is left to say. */
export function countedWords({ states }: Counted): string {
  const total = totalOf({ states });
  if (total === 0) return "nobody was there to get it";
  const [failed, held] = [failedOf({ states }), heldOf({ states })];
  return `${seenBy(states, total)}${failed > 0 ? `, ${failed} failed` : ""}${held > 0 ? `, ${held} held` : ""}`;
}

/** The recipient of a message to one. */
export const onlyRecipient = (message: Pick<Row, "states" | "recipients">): Receipt | undefined =>
  totalOf(message) === 1 ? message.recipients[0] : undefined;
