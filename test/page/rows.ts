/** Messages as the page lists them. */
import type { MessageRow } from "../../src/page/types.ts";

/** A message from ann to bob; its place is the number. */
export const row = (seq: number, other: Partial<MessageRow> = {}): MessageRow => ({
  seq,
  message_id: `m${seq}`,
  from: "a1",
  from_name: "ann",
  to: "bob",
  to_id: "b2",
  thread_id: `m${seq}`,
  urgency: "normal",
  text: `text ${seq}`,
  characters: 6,
  sent_at: seq,
  states: { queued: 1 },
  recipients: [{ peer_id: "b2", name: "bob", state: "queued" }],
  ...other,
});

/** Those from one place to another. */
export const rows = (from: number, to: number): MessageRow[] =>
  Array.from({ length: to - from + 1 }, (_, i) => row(from + i));
