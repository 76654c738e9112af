/**
 * The mail file that hooks read. Line 1: highest urgency, mode, perhaps `late`, perhaps `nowake`, then `message_id:attempt` of
 * each message; line 2: the text as one JSON string, ready to be embedded in hook output; then the same text, plain.
 */
import { type Urgency, urgencies } from "./delivery.ts";

/** `inject`: shown beside the next tool call. `block`: the next tool call is denied with the text as the reason. */
export const modes = ["inject", "block"] as const;
export type Mode = (typeof modes)[number];

/** The words that may stand after the mode, in this order. */
const flags = ["late", "nowake"] as const;

export interface SpoolHead {
  urgency: Urgency;
  mode: Mode;
  /** It has waited too long for a hook of a working session: whichever hook runs next may take it. */
  late: boolean;
  /** The session was woken too often: this waits for a tool call or a prompt, unless it interrupts. */
  nowake: boolean;
  /** The claims that the file stands for; empty for a mere notice. */
  claims: { message_id: string; attempt: number }[];
}

export function writeSpool(head: SpoolHead, text: string): string {
  const claims = head.claims.map(({ message_id, attempt }) => `${message_id}:${attempt}`);
  const line = [head.urgency, head.mode, ...flags.filter((flag) => head[flag]), ...claims].join(" ");
  return `${line}\n${JSON.stringify(text)}\n${text}\n`;
}

/** Reads line 1 of a spool file; `undefined` when the file is not one. */
export function readSpoolHead(content: string): SpoolHead | undefined {
  const [line = ""] = content.split("\n", 1);
  const [urgencyWord, modeWord, ...rest] = line.split(" ");
  const urgency = urgencies.find((u) => u === urgencyWord);
  const mode = modes.find((m) => m === modeWord);
  if (!urgency || !mode) return undefined;
  const late = rest[0] === "late" && rest.shift() !== undefined;
  const nowake = rest[0] === "nowake" && rest.shift() !== undefined;
  const claims = [];
  for (const id of rest) {
    const match = /^([A-Za-z0-9_-]{8,64}):(\d{1,9})$/.exec(id);
    if (!match?.[1] || !match[2]) return undefined;
    claims.push({ message_id: match[1], attempt: Number(match[2]) });
  }
  return { urgency, mode, late, nowake, claims };
}

/** The text of a spool file, as the model is to see it; `undefined` when the file is not one. */
export function readSpoolText(content: string): string | undefined {
  const [, json = ""] = content.split("\n", 2);
  try {
    const text: unknown = JSON.parse(json);
    return readSpoolHead(content) && typeof text === "string" && text !== "" ? text : undefined;
  } catch {
    return undefined;
  }
}

export function highestUrgency(all: readonly Urgency[]): Urgency {
  return urgencies.find((urgency) => all.includes(urgency)) ?? "low";
}
