/**
 * A peer's outbox: a durable queue for messages that could not be sent because no broker answered. One file per message
 * in `outbox/<peer_id>/` of the home; the file name gives the order. The peer's session server sends them when the
 * broker is back. The message_id is the idempotency key, so resending never duplicates a message.
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { OutputOf } from "../operations/index.ts";
import { writeError } from "../platform/disk.ts";
import { CctError, systemCode } from "../platform/errors.ts";
import { readTrusted, writeWhole } from "../platform/files.ts";
import { paths } from "../platform/home.ts";
import { checkMessageText, oneLine } from "../rules/text.ts";

/** More than a session writes during a day's outage; anything above is a loop. */
const MAX_ENTRIES = 100;
/** Sixteen messages of the maximum length. */
const MAX_BYTES = 1024 * 1024;
/** A message this old is obsolete. */
const MAX_AGE_MS = 24 * 3_600_000;

export interface OutboxEntry {
  peer_id: string;
  message_id: string;
  /** Milliseconds since 1970. */
  kept_at: number;
  /** The input of `send_message`, including its message_id. */
  input: Record<string, unknown>;
  /** An attempt may have reached the broker although its answer was lost. */
  perhaps: boolean;
  /** Why it will not be sent; set until the session has been notified. */
  ended?: string;
  /** The broker's last reason to try again later. */
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
  { peer_id, kept_at, message_id }: Pick<OutboxEntry, "peer_id" | "kept_at" | "message_id">,
): string => join(paths(home).outbox(peer_id), `${String(kept_at).padStart(13, "0")}-${message_id}.json`);

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** A peer's outbox, oldest entry first. */
export function readOutbox(home: string, peerId: string): OutboxEntry[] {
  return namesIn(paths(home).outbox(peerId)).flatMap((name) => {
    const [, time = "", message_id = ""] = NAME.exec(name) ?? [];
    // A temporary file of a write in progress.
    if (message_id === "") return [];
    const known = { peer_id: peerId, message_id, kept_at: Number(time) };
    const text = readTrusted(fileOf(home, known));
    return text === undefined ? [] : [{ ...known, ...contentOf(text) }];
  });
}

function contentOf(text: string): Pick<OutboxEntry, "input" | "perhaps" | "ended" | "waits"> {
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
    // Not valid JSON: reported as damaged below.
  }
  return { input: {}, perhaps: false, ended: "It was NOT sent: its file is damaged." };
}

/** The entries of all outboxes of this home. */
export function readAllOutboxes(home: string): OutboxEntry[] {
  return namesIn(paths(home).outboxes)
    .filter((name) => PEER_ID.test(name))
    .flatMap((peerId) => readOutbox(home, peerId));
}

/** When an entry expires: at the message's own expiry, or after MAX_AGE_MS. Milliseconds since 1970. */
export function expiryOf({ kept_at, input }: Pick<OutboxEntry, "kept_at" | "input">): number {
  const own = Number(input.expires_in_seconds ?? Number.POSITIVE_INFINITY) * 1000;
  return kept_at + Math.min(own, MAX_AGE_MS);
}

/** The confirmation that the sender of a queued message reads. */
function confirmation(kept: OutboxEntry): string {
  const hours = (expiryOf(kept) - kept.kept_at) / 3_600_000;
  const within = hours === 24 ? "within 24 h" : "before it expires";
  return (
    `kept in this machine's outbox, ${kept.perhaps ? "NOT confirmed (perhaps it was sent; it cannot arrive twice)" : "NOT sent yet"}: ` +
    `it goes when the broker is back and the session runs, ${within}; if it cannot, the session is told`
  );
}

/**
 * Adds a message to a peer's outbox; the answer has the shape of `send_message`. Throws `bad_request` for input that the
 * broker could never accept, and `store_full` when the outbox is full: earlier entries are never dropped.
 * `perhaps`: an attempt may have reached the broker.
 */
export function addToOutbox(
  home: string,
  peerId: string,
  input: Record<string, unknown>,
  perhaps: boolean,
  writer: Writer,
): OutputOf<"send_message"> {
  const { to, text, message_id } = input;
  // Reject obvious mistakes now, while the sender can correct them; the broker validates the rest.
  if (typeof message_id !== "string" || !NAME.test(`0000000000000-${message_id}.json`)) {
    throw new CctError("bad_request", "A message_id is 8 to 64 letters, digits, '-' or '_'.", "Or leave it out.");
  }
  if (typeof to !== "string" || to.trim() === "" || typeof text !== "string") {
    throw new CctError("bad_request", "A message has an address (to) and a text.", "See: cct send --help");
  }
  checkMessageText(text);
  const entries = readOutbox(home, peerId);
  const same = entries.find((one) => one.message_id === message_id && one.ended === undefined);
  if (same && (same.input.to !== to || same.input.text !== text)) {
    throw new CctError(
      "conflict",
      `The message_id '${message_id}' belongs to another message.`,
      "Use a new one for every message.",
    );
  }
  if (same) {
    const now: OutboxEntry = { ...same, perhaps: same.perhaps || perhaps };
    updateEntry(home, now, writer.newId);
    return { message_id, recipients: [], kept: confirmation(now) };
  }
  // Keeps the order when two arrive within one millisecond.
  const kept_at = Math.max(writer.now(), (entries.at(-1)?.kept_at ?? 0) + 1);
  const kept: OutboxEntry = { peer_id: peerId, message_id, kept_at, input, perhaps };
  const bytes = (one: OutboxEntry): number => Buffer.byteLength(contentFor(one));
  const used = entries.reduce((sum, one) => sum + bytes(one), bytes(kept));
  if (entries.length >= MAX_ENTRIES || used > MAX_BYTES) {
    throw new CctError(
      "store_full",
      `The message was ${perhaps ? "not confirmed, perhaps it was sent" : "not sent"}, and it was not queued: no broker answers, and this session's outbox is full (${entries.length} messages; the limits are ${MAX_ENTRIES} messages and 1 MiB).`,
      `Send it again later with message_id '${message_id}'. See: cct outbox`,
    );
  }
  try {
    mkdirSync(paths(home).outbox(peerId), { recursive: true, mode: 0o700 });
    writeWhole(fileOf(home, kept), contentFor(kept), writer.newId());
  } catch (error) {
    const sent = perhaps ? "not confirmed, perhaps it was sent" : "not sent";
    throw writeError(
      error,
      `The message was ${sent}, and it was not queued: no broker answers, and the outbox cannot be written`,
      home,
      `Send it again later with message_id '${message_id}': it cannot arrive twice.`,
    );
  }
  return { message_id, recipients: [], kept: confirmation(kept) };
}

const contentFor = ({ input, perhaps, ended, waits }: OutboxEntry): string =>
  `${JSON.stringify({ input, perhaps, ended, waits })}\n`;

export const isInOutbox = (home: string, kept: OutboxEntry): boolean => existsSync(fileOf(home, kept));

/** Updates an entry in place. An entry that was removed meanwhile stays removed. */
export function updateEntry(home: string, kept: OutboxEntry, newId: () => string): void {
  if (isInOutbox(home, kept)) writeWhole(fileOf(home, kept), contentFor(kept), newId());
}

/** Removes an entry that was sent, reported to its session, or dropped by the user. */
export function removeEntry(home: string, kept: OutboxEntry): void {
  rmSync(fileOf(home, kept), { force: true });
  try {
    rmdirSync(paths(home).outbox(kept.peer_id));
  } catch {
    // Other entries remain.
  }
}

/** The beginning of a message's text, so that people and models recognise it. */
export const excerpt = ({ input }: OutboxEntry): string => oneLine(String(input.text ?? ""), 80);
