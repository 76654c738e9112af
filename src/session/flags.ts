/**
 * The status line's file: one line about a session in `flags/<pid of the host>`, read by `plugin/statusline/line.sh`.
 *
 *     written server peer_id name broker hook presence busy_until unread held pool pool_unread
 *
 * Times are whole seconds since 1970; `-` and 0 stand for no value. The line is valid for 30 seconds, while the process
 * `server` lives. New fields are added at the end.
 */
import { rmSync } from "node:fs";
import { paths, writeWhole } from "../platform/home.ts";

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
  ];
  return `${words.join(" ")}\n`;
}

function word(text = ""): string {
  return text.replace(/[^A-Za-z0-9._-]/g, "").slice(0, 64) || "-";
}

/** Writes the line for the host process `claudePid`. */
export function writeFlags(home: string, claudePid: number, line: string, unique: string): void {
  try {
    writeWhole(paths(home).flag(claudePid), line, unique);
  } catch {
    // A full disk, or a removed home: the old line becomes invalid by itself.
  }
}

/** Removes the line, at the end of a session. */
export function removeFlags(home: string, claudePid: number): void {
  rmSync(paths(home).flag(claudePid), { force: true });
}
