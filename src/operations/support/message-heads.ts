/** What an answer says of any message, besides its text and what became of it. */
import * as z from "zod";
import type { Message } from "../../store/messages.ts";
import { address, time, urgency } from "./shapes.ts";

export const messageHead = {
  seq: z.int().describe("its place in the order of sending"),
  message_id: z.string(),
  from: z.string(),
  from_name: z.string(),
  from_address: address,
  to: z.string(),
  pool: z.string().optional().describe("the pool that it was sent to"),
  urgency,
  sent_at: time,
  thread_id: z.string(),
};

type Head = Pick<
  Message,
  "seq" | "message_id" | "from_id" | "from_name" | "to_address" | "urgency" | "sent_at" | "thread_id"
> & { pool: string | null };

/** `from_address`: of its sender, unless that is forgotten. */
export const toMessageHead = (m: Head, from_address: string | undefined) => ({
  seq: m.seq,
  message_id: m.message_id,
  from: m.from_id,
  from_name: m.from_name,
  from_address,
  to: m.to_address,
  ...(m.pool === null ? {} : { pool: m.pool }),
  urgency: m.urgency,
  sent_at: m.sent_at,
  thread_id: m.thread_id,
});
