/** What the page shows, in the shapes of the operations that it asks. */
import type { OutputOf } from "../operations/index.ts";

export type Overview = OutputOf<"overview">;
export type Peer = Overview["peers"][number];
export type Pool = Overview["pools"][number];
export type Service = Overview["services"][number];
export type Presence = Peer["presence"];

export type Need = OutputOf<"attention">["needs"][number];
export type NeedKind = Need["kind"];

export type Conversation = OutputOf<"conversations">["conversations"][number];
/** A message in lists: its beginning, and the first of its recipients. */
export type MessageRow = Conversation["last"];
export type Receipt = MessageRow["recipients"][number];
export type State = Receipt["state"];
export type Urgency = MessageRow["urgency"];

/** Presence over time: each span lasts until the next one begins. */
export type Spans = OutputOf<"presence_history">["peers"][number]["spans"];
