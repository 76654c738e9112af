/**
 * The status line's file: one line about a session in `flags/<pid of the host>`, read by `plugin/statusline/line.sh`.
 *
 *     written server peer_id name broker hook presence busy_until unread held pool pool_unread disk
 *
 * Times are whole seconds since 1970; `-` and 0 stand for no value. The line is valid for 30 seconds, while the process
 * `server` lives. New fields are added at the end.
 */
import { closeSync, constants, openSync, rmSync, writeSync } from "node:fs";
import { writeWhole } from "../platform/files.ts";
import { paths } from "../platform/home.ts";

export interface Flags {
  /** Pid of the session server. */
  server: number;
  /** `undefined`: not registered yet. */
  peer_id: string | undefined;
  name: string;
  /** The active pool. */
  pool?: { name: string; unread: number } | undefined;
  unread: number;
  /** Messages that an inbound policy holds. */
  held: number;
  presence: string;
  /** Milliseconds since 1970. */
  busy_until?: number | undefined;
  /** `quiet`: the hooks of this session do not run. */
  hook: "live" | "quiet";
  broker: "up" | "away";
  /** Why mail cannot be written: a code such as `ENOSPC`. */
  disk?: string | undefined;
}

/** The line. Names come from peers, so words are reduced to characters without a meaning for terminals. */
export function renderFlags(flags: Flags, now: number): string {
  const seconds = (time: number): number => Math.floor(time / 1000);
  const words = [
    seconds(now),
    flags.server,
    word(flags.peer_id),
    word(flags.name),
    flags.broker,
    flags.hook,
    word(flags.presence),
    flags.busy_until === undefined ? 0 : seconds(flags.busy_until),
    flags.unread,
    flags.held,
    word(flags.pool?.name),
    flags.pool?.unread ?? 0,
    word(flags.disk),
  ];
  return `${words.join(" ")}\n`;
}

function word(text = ""): string {
  return text.replace(/[^A-Za-z0-9._-]/g, "").slice(0, 64) || "-";
}

/** Writes the line for the host process `hostPid`. Returns the error if it could not be written as a new file. */
export function writeFlags(home: string, hostPid: number, line: string, unique: string): unknown {
  try {
    writeWhole(paths(home).flag(hostPid), line, unique);
    return undefined;
  } catch (error) {
    overwrite(paths(home).flag(hostPid), line);
    return error;
  }
}

/** Overwrites the old line in place, which needs no space on a full disk. Readers use the first line only. */
function overwrite(path: string, line: string): void {
  try {
    const file = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      writeSync(file, line);
    } finally {
      closeSync(file);
    }
  } catch {
    // There is none, or no write works: the old line becomes invalid by itself.
  }
}

/** Removes the line, at the end of a session. */
export function removeFlags(home: string, hostPid: number): void {
  try {
    rmSync(paths(home).flag(hostPid), { force: true });
  } catch {
    // A read-only disk: without its process the line is invalid.
  }
}
