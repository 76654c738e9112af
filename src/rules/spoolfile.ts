/**
 * The spool format: the content of a mail file, and the names of its stages. Shell scripts read and write it too
 * (`plugin/hooks/mail.sh`), so a change here is a change of an interface.
 *
 * Content: line 1 is the head (highest urgency, mode, perhaps `late`, perhaps `nowake`, then `message_id:attempt` of each
 * message). Line 2 is the text as one JSON string, ready to be embedded in hook output. Then the same text, plain.
 *
 * Names: `mail` is the file that hooks take, then `<stage>.<batch>`. The batch starts with the hook event that took it.
 */
import { type Claim, type DeliveryMethod, type Urgency, urgencies } from "./delivery.ts";

/** `inject`: shown beside the next tool result. `block`: the next tool call is denied, with the text as the reason. */
export const modes = ["inject", "block"] as const;
export type Mode = (typeof modes)[number];

/** Optional words after the mode, in this order. */
const flags = ["late", "nowake"] as const;

export interface SpoolHead {
  urgency: Urgency;
  mode: Mode;
  /** No hook of the working session took it for too long, so any hook may take it now. */
  late: boolean;
  /** The session was woken too often, so this waits for a tool call or a prompt, unless it is an interrupt. */
  nowake: boolean;
  /** The claims on the messages in the file; empty when it only names messages that are too long. */
  claims: Claim[];
}

/** Encodes a spool file. */
export function writeSpool(head: SpoolHead, text: string): string {
  const claims = head.claims.map(({ message_id, attempt }) => `${message_id}:${attempt}`);
  const line = [head.urgency, head.mode, ...flags.filter((flag) => head[flag]), ...claims].join(" ");
  return `${line}\n${JSON.stringify(text)}\n${text}\n`;
}

/** Reads the head of a mail file; `undefined` when the content is not one. */
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

/** The claims that a mail file lists; none when the content is not a mail file. */
export const claimsIn = (content: string): Claim[] => readSpoolHead(content)?.claims ?? [];

/** The text for the model; `undefined` when the content is not a mail file. */
export function readSpoolText(content: string): string | undefined {
  const [, json = ""] = content.split("\n", 2);
  try {
    const text: unknown = JSON.parse(json);
    return readSpoolHead(content) && typeof text === "string" && text !== "" ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The highest urgency among `all`; `low` for none. */
export function highestUrgency(all: readonly Urgency[]): Urgency {
  return urgencies.find((urgency) => all.includes(urgency)) ?? "low";
}

/**
 * What happened to a mail file after a hook took it. `taken`: a hook has it. `done`: the hook printed it. `seen`: it is
 * certainly in the model's next request. `read`: the model continued after that.
 */
export const stages = ["taken", "done", "seen", "read"] as const;
export type Stage = (typeof stages)[number];

/** The name of a mail file that was taken. Only the stage changes; the batch identifies it for its whole life. */
export interface StageName {
  stage: Stage;
  batch: string;
}

/** A mail file that was taken. */
export interface TakenFile extends StageName {
  content: string;
  /** When this process first saw it at this stage, in milliseconds since 1970. */
  since: number;
}

/** The broker stores batches of up to this length. */
const MAX_BATCH = 64;

/** `unique` tells apart the files that hooks of one event took. */
export const newBatch = (event: string, unique: string): string => `${event}-${unique}`;

export const formatStageName = ({ stage, batch }: StageName): string => `${stage}.${batch}`;

/** Reads a file's name; `undefined` when it is not a taken mail file. */
export function parseStageName(name: string): StageName | undefined {
  const stage = stages.find((one) => name.startsWith(`${one}.`));
  const batch = stage && name.slice(stage.length + 1);
  return stage && batch && batch.length <= MAX_BATCH ? { stage, batch } : undefined;
}

/** Events that are not listed here showed the mail beside a tool. `check` is the answer of a tool of ours. */
const methodOfEvent: Readonly<Record<string, DeliveryMethod>> = {
  FileChanged: "wake",
  Waiter: "wake",
  Stop: "stop",
  UserPromptSubmit: "prompt",
  check: "check",
};

/** How the mail of a batch was shown, by the event in its name. */
export function deliveryMethodOf(batch: string): DeliveryMethod {
  const [event = ""] = batch.split("-", 1);
  return (Object.hasOwn(methodOfEvent, event) && methodOfEvent[event]) || "tool";
}

/** Names of files that the session server moved away from hooks. They exist only while it works on them. */
export const privateName = {
  takenBack: (unique: string): string => `.back.${unique}`,
  withdrawn: (name: StageName): string => `.lost.${formatStageName(name)}`,
  probe: (unique: string): string => `.probe.${unique}`,
};

/** Whether a killed session server left a file of this name behind. */
export const isPrivateName = (name: string): boolean => /^\.(back|lost|probe)\./.test(name);
