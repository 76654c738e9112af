/**
 * The spool format: the content of a mail file, and the names of its stages. Shell scripts read and write it too
 * (`plugin/hooks/mail.sh`), so a change here is a change of an interface.
 *
 * Content: line 1 is the head (highest urgency, mode, perhaps `late`, perhaps `nowake`, then `message_id:attempt` of each
 * message). Line 2 is the text as one JSON string, ready to be embedded in hook output. Line 3 is what the user sees of it in
 * the terminal, as a JSON string, empty for nothing. Then the text once more, plain.
 *
 * Names: `mail` is the file that hooks take, then `<stage>.<batch>`. The batch starts with the hook event that took it.
 */
import { type Claim, type DeliveryMethod, type Urgency, urgencies } from "./delivery.ts";

/**
 * `inject`: shown beside the next tool result. `block`: the next tool call is denied. `stop`: as `inject`, and at the end of a
 * turn also where nobody attends the session.
 */
export const modes = ["inject", "block", "stop"] as const;
export type Mode = (typeof modes)[number];

/** Optional words after the mode, in this order. */
const flags = ["late", "nowake"] as const;

export interface SpoolHead {
  urgency: Urgency;
  mode: Mode;
  /** No hook of the working session took it for too long, so any hook may take it now. */
  late: boolean;
  /**
   * Nothing in it wakes the session, except an interrupt: the session was woken too often, or what belongs to it may follow
   * within a second. It waits for a tool call or a prompt, or until the file is written again.
   */
  nowake: boolean;
  /** The claims on the messages in the file; empty when it only names messages that are too long. */
  claims: Claim[];
}

/** Whether the mail may start the model of an idle session, or continue a turn that ends. */
export const mayWake = ({ urgency, nowake }: Pick<SpoolHead, "urgency" | "nowake">): boolean =>
  urgency === "interrupt" || (urgency !== "low" && !nowake);

/** Encodes a spool file. `line`: for the user. */
export function writeSpool(head: SpoolHead, text: string, line = ""): string {
  const claims = head.claims.map(({ message_id, attempt }) => `${message_id}:${attempt}`);
  const words = [head.urgency, head.mode, ...flags.filter((flag) => head[flag]), ...claims].join(" ");
  return `${words}\n${JSON.stringify(text)}\n${JSON.stringify(line)}\n${text}\n`;
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

/** The text for the model, and the line for the user if there is one; `undefined` when the content is not a mail file. */
export function readSpoolTexts(content: string): { text: string; line?: string } | undefined {
  const [, json = "", line = ""] = content.split("\n", 3);
  const text = parsedString(json);
  if (!readSpoolHead(content) || !text) return undefined;
  const shown = parsedString(line);
  return shown ? { text, line: shown } : { text };
}

/** The string that a JSON text is; `undefined` when it is another value, or none. */
export function parsedString(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "string" ? value : undefined;
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
