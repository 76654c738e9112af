/**
 * A peer's outbox: messages that could not be sent because no broker was there, in `outbox/<peer_id>/` of the home, a file
 * each, whose name gives the order. The peer's session server sends them when the broker is back. The broker knows their
 * message_id, so that however often one is sent, by whomever, it is one message.
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { OutputOf } from "../operations/index.ts";
import { CctError, systemCode } from "../platform/errors.ts";
import { paths, readTrusted, writeWhole } from "../platform/home.ts";
import { checkMessageText, oneLine } from "../rules/text.ts";

/** More than a session writes in a day's outage; what wants more is a loop. */
const MAX_KEPT = 100;
/** Sixteen of the longest messages. Together with the number it bounds what one session can put on the disk. */
const MAX_BYTES = 1024 * 1024;
/** What is a day old answers a question that nobody asks any more. */
export const MAX_AGE_MS = 24 * 3_600_000;

export interface Kept {
  peer_id: string;
  message_id: string;
  /** Milliseconds since 1970. */
  kept_at: number;
  /** What `send_message` takes, its message_id included. */
  input: Record<string, unknown>;
  /** A try may have reached the broker, and only its answer got lost. */
  perhaps: boolean;
  /** What became of it, when it is not going to be sent any more; the session is to be told. */
  ended?: string;
  /** What the broker said last, when that was to wait. */
  waits?: string;
}

interface Writer {
  now(): number;
  newId(): string;
}

const NAME = /^(\d{13})-([A-Za-z0-9_-]{8,64})\.json$/;
const PEER_ID = /^[0-9a-f]{32}$/;

const fileOf = (
  home: string,
  { peer_id, kept_at, message_id }: Pick<Kept, "peer_id" | "kept_at" | "message_id">,
): string => join(paths(home).outbox(peer_id), `${String(kept_at).padStart(13, "0")}-${message_id}.json`);

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** What lies in a peer's outbox, oldest first. */
export function keptOf(home: string, peerId: string): Kept[] {
  return namesIn(paths(home).outbox(peerId)).flatMap((name) => {
    const [, time = "", message_id = ""] = NAME.exec(name) ?? [];
    // A file that a writer has not finished.
    if (message_id === "") return [];
    const known = { peer_id: peerId, message_id, kept_at: Number(time) };
    const text = readTrusted(fileOf(home, known));
    return text === undefined ? [] : [{ ...known, ...contentOf(text) }];
  });
}

function contentOf(text: string): Pick<Kept, "input" | "perhaps" | "ended" | "waits"> {
  try {
    const { input, perhaps, ended, waits }: Record<string, unknown> = JSON.parse(text);
    if (typeof input === "object" && input !== null) {
      return {
        input: { ...input },
        perhaps: perhaps === true,
        ...(typeof ended === "string" ? { ended } : {}),
        ...(typeof waits === "string" ? { waits } : {}),
      };
    }
  } catch {
    // Written by somebody else, or a disk that failed.
  }
  return { input: {}, perhaps: false, ended: "It was NOT sent: its file is damaged." };
}

/** What lies in all outboxes of this home. */
export function allKept(home: string): Kept[] {
  return namesIn(paths(home).outboxes)
    .filter((name) => PEER_ID.test(name))
    .flatMap((peerId) => keptOf(home, peerId));
}

/** When a message is not to be sent any more: its own time over, or too old. */
export function endOf({ kept_at, input }: Pick<Kept, "kept_at" | "input">): number {
  const own = Number(input.expires_in_seconds ?? Number.POSITIVE_INFINITY) * 1000;
  return kept_at + Math.min(own, MAX_AGE_MS);
}

/** How a sender is told that its message was kept. */
function saidOf(kept: Kept): string {
  const hours = (endOf(kept) - kept.kept_at) / 3_600_000;
  const within = hours === 24 ? "within 24 h" : "before it expires";
  return (
    `kept in this machine's outbox, ${kept.perhaps ? "NOT confirmed (perhaps it was sent; it cannot arrive twice)" : "NOT sent yet"}: ` +
    `it goes when the broker is back and the session runs, ${within}; if it cannot, the session is told`
  );
}

/**
 * Keeps a message of a peer, and answers as the tool and the command do. Throws when it cannot be one, and `store_full`
 * when there is no room: nothing that lies there gives way. `perhaps`: a try may have reached the broker.
 */
export function keep(
  home: string,
  peerId: string,
  input: Record<string, unknown>,
  perhaps: boolean,
  writer: Writer,
): OutputOf<"send_message"> {
  const { to, text, message_id } = input;
  // What nobody could ever send is refused now, while the sender listens; the rest is the broker's to judge.
  if (typeof message_id !== "string" || !NAME.test(`0000000000000-${message_id}.json`)) {
    throw new CctError("bad_request", "A message_id is 8 to 64 letters, digits, '-' or '_'.", "Or leave it out.");
  }
  if (typeof to !== "string" || to.trim() === "" || typeof text !== "string") {
    throw new CctError("bad_request", "A message has an address (to) and a text.", "See: cct send --help");
  }
  checkMessageText(text);
  const lying = keptOf(home, peerId);
  const same = lying.find((one) => one.message_id === message_id && one.ended === undefined);
  if (same && (same.input.to !== to || same.input.text !== text)) {
    throw new CctError(
      "conflict",
      `The message_id '${message_id}' belongs to another message.`,
      "Make a new one for every message.",
    );
  }
  if (same) {
    const now: Kept = { ...same, perhaps: same.perhaps || perhaps };
    rewrite(home, now, writer.newId);
    return { message_id, recipients: [], kept: saidOf(now) };
  }
  // In the order of their keeping, though two come in one millisecond.
  const kept_at = Math.max(writer.now(), (lying.at(-1)?.kept_at ?? 0) + 1);
  const kept: Kept = { peer_id: peerId, message_id, kept_at, input, perhaps };
  const bytes = (one: Kept): number => Buffer.byteLength(contentFor(one));
  const used = lying.reduce((sum, one) => sum + bytes(one), bytes(kept));
  if (lying.length >= MAX_KEPT || used > MAX_BYTES) {
    throw new CctError(
      "store_full",
      `The message was ${perhaps ? "not confirmed, perhaps it was sent" : "not sent"}, and nothing keeps it: no broker is there, and this session's outbox is full (${lying.length} messages; ${MAX_KEPT} and 1 MiB are the most).`,
      `Send it again later with message_id '${message_id}'. See: cct outbox`,
    );
  }
  mkdirSync(paths(home).outbox(peerId), { recursive: true, mode: 0o700 });
  writeWhole(fileOf(home, kept), contentFor(kept), writer.newId());
  return { message_id, recipients: [], kept: saidOf(kept) };
}

const contentFor = ({ input, perhaps, ended, waits }: Kept): string =>
  `${JSON.stringify({ input, perhaps, ended, waits })}\n`;

export const isKept = (home: string, kept: Kept): boolean => existsSync(fileOf(home, kept));

/** Writes down what became of one, in its place. One that was dropped meanwhile stays dropped. */
export function rewrite(home: string, kept: Kept, newId: () => string): void {
  if (isKept(home, kept)) writeWhole(fileOf(home, kept), contentFor(kept), newId());
}

/** Takes one out: it was sent, or its session was told, or nobody wants it any more. */
export function takeOut(home: string, kept: Kept): void {
  rmSync(fileOf(home, kept), { force: true });
  try {
    rmdirSync(paths(home).outbox(kept.peer_id));
  } catch {
    // More lies there.
  }
}

/** The beginning of a kept message's text, for people and models to know it again. */
export const firstWords = ({ input }: Kept): string => oneLine(String(input.text ?? ""), 80);
