/** A message as views list it: as the feed tells it, and as the history does. */
import type { DeliveryState } from "../delivery.ts";

export type States = Partial<Record<DeliveryState, number>>;

export interface Receipt {
  peer_id: string;
  name: string;
  state: DeliveryState;
  delivered_at?: number | undefined;
  read_at?: number | undefined;
}

/** What is needed of a message here. */
export interface Row {
  message_id: string;
  /** Its place: numbers rise in the order of sending. */
  seq: number;
  from: string;
  from_name: string;
  to: string;
  to_id?: string | undefined;
  pool?: string | undefined;
  pool_id?: string | undefined;
  /** Its beginning, or all of it. */
  text: string;
  /** Of the whole text. */
  characters: number;
  /** How many recipients are in each state. */
  states: States;
  /** The first of them. */
  recipients: Receipt[];
}

/** A message as the history lists it. */
interface Listed {
  text: string;
  characters?: number | undefined;
  pool?: string | undefined;
  states?: readonly { state: DeliveryState; recipients: number }[] | undefined;
  recipients: readonly ListedReceipt[];
}

interface ListedReceipt {
  peer_id: string;
  name: string;
  state: DeliveryState;
  attempts: number;
  address?: string | undefined;
  reason?: string | undefined;
  delivered_at: number | null;
  read_at: number | null;
  redelivered?: boolean | undefined;
}

type FromHistory<M extends Listed> = Omit<M, keyof Listed> & {
  text: string;
  pool?: M["pool"];
  to_id?: string;
  characters: number;
  states: States;
  recipients: ReturnType<typeof receiptFrom>[];
};

/** A message of the history, in the shape that the feed has. */
export function fromHistory<M extends Listed>(message: M): FromHistory<M> {
  const recipients = message.recipients.map(receiptFrom);
  const states: States = {};
  for (const { state, recipients: count } of message.states ?? []) states[state] = count;
  if (message.states === undefined) for (const { state } of recipients) states[state] = (states[state] ?? 0) + 1;
  const to_id = message.pool === undefined ? recipients[0]?.peer_id : undefined;
  return {
    ...message,
    ...(to_id !== undefined && { to_id }),
    characters: message.characters ?? message.text.length,
    states,
    recipients,
  };
}

function receiptFrom({ attempts: _, address: __, delivered_at, read_at, ...rest }: ListedReceipt) {
  return {
    ...rest,
    ...(delivered_at !== null && { delivered_at }),
    ...(read_at !== null && { read_at }),
  };
}
