/** Messages as views list them. */
import type { Row } from "../../../src/rules/talk/row.ts";

/** A message from ann to bob; its place is the number. */
export const row = (seq: number, other: Partial<Row> = {}): Row => ({
  seq,
  message_id: `m${seq}`,
  from: "a1",
  from_name: "ann",
  to: "bob",
  to_id: "b2",
  text: `text ${seq}`,
  characters: 6,
  states: { queued: 1 },
  recipients: [{ peer_id: "b2", name: "bob", state: "queued" }],
  ...other,
});

/** Those from one place to another. */
export const rows = (from: number, to: number): Row[] => Array.from({ length: to - from + 1 }, (_, i) => row(from + i));
