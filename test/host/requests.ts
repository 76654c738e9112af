/** The sessions' requests to their model: the log of the scripted API, and what it shows. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

interface Block {
  type: string;
  text?: string;
  content?: string | Block[];
  is_error?: boolean;
  /** Of a call of a tool. */
  id?: string;
  tool_use_id?: string;
}

export interface Message {
  role: "user" | "assistant" | "system";
  content: string | Block[];
}

export interface Request {
  kind: "request";
  n: number;
  /** Milliseconds since 1970. */
  at: number;
  who: string;
  tools: number;
  /** The definitions of our own tools that are loaded, as JSON. */
  ours: string[];
  messages: Message[];
  system: unknown;
}

/** The model's answer to request `n` begins. */
interface Answer {
  kind: "answer";
  n: number;
  at: number;
  /** No tool is called: the turn is over, unless a hook lets it go on. */
  ends: boolean;
}

export type LogLine = Request | Answer;

export interface RequestLog {
  /** The conversation's requests so far, in order; titles and the like are left out. */
  of(who: string): Request[];
  /** Whether the last request was answered with the end of a turn. */
  hasEnded(who: string): boolean;
}

/** Reads the log as it grows. */
export function readLog(path: string): RequestLog {
  const requests: Request[] = [];
  const answers = new Map<number, Answer>();
  let position = 0;
  let rest = Buffer.alloc(0);

  function readOn(): void {
    const file = openSync(path, "r");
    try {
      const more = Buffer.alloc(fstatSync(file).size - position);
      position += readSync(file, more, 0, more.length, position);
      rest = Buffer.concat([rest, more]);
    } finally {
      closeSync(file);
    }
    const end = rest.lastIndexOf(10);
    if (end < 0) return;
    for (const text of rest.subarray(0, end).toString().split("\n")) {
      const line: LogLine = JSON.parse(text);
      if (line.kind === "answer") answers.set(line.n, line);
      else requests.push(line);
    }
    rest = rest.subarray(end + 1);
  }

  const of = (who: string): Request[] => {
    readOn();
    return requests.filter((request) => request.who === who && request.tools > 0);
  };
  return { of, hasEnded: (who) => answers.get(of(who).at(-1)?.n ?? 0)?.ends ?? false };
}

/** How often `word` stands in what the model was given. */
export function timesIn(request: Request | undefined, word: string): number {
  return JSON.stringify(request?.messages ?? []).split(word).length - 1;
}

const blocksOf = (message: Message): Block[] =>
  typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content;

function textOf(block: Block): string {
  if (block.text !== undefined) return block.text;
  if (block.content === undefined) return "";
  return typeof block.content === "string" ? block.content : block.content.map(textOf).join("\n");
}

/** The message, and in it the text, that holds `word`. */
export function placeOf(request: Request, word: string): { role: string; type: string; text: string } | undefined {
  for (const message of request.messages) {
    const block = blocksOf(message).find((one) => textOf(one).includes(word));
    if (block) return { role: message.role, type: block.type, text: textOf(block) };
  }
  return undefined;
}

export interface ToolResult {
  text: string;
  failed: boolean;
}

/**
 * The results of all tools that the conversation called, in the order of the calls: those of a batch stand in the request
 * in the order in which they came.
 */
export function toolResults(request: Request | undefined): ToolResult[] {
  const blocks = (request?.messages ?? []).flatMap(blocksOf);
  const results = new Map(
    blocks.filter((block) => block.type === "tool_result").map((block) => [block.tool_use_id, block]),
  );
  return blocks
    .filter((block) => block.type === "tool_use")
    .map(({ id }) => results.get(id))
    .filter((block) => block !== undefined)
    .map((block) => ({ text: textOf(block), failed: block.is_error === true }));
}

/** How many user messages of the conversation are wake-ups by the host, not typed by anybody. */
export function wakes(request: Request | undefined): number {
  const texts = (request?.messages ?? []).filter(({ role }) => role === "user").flatMap(blocksOf);
  return texts.filter((block) => block.type === "text" && block.text?.includes("<task-notification>")).length;
}
