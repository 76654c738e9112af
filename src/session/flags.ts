/**
 * What the status line shows of a session: one line in `flags/<pid of the host>`, read by `plugin/statusline/line.sh`.
 *
 *     written server peer_id name broker hook presence busy_until unread held pool pool_unread
 *
 * Times are whole seconds since 1970; `-` and 0 stand for what there is not. A reader believes it for 30 seconds, and only
 * while the process `server` lives. New fields come at the end.
 */
import { rmSync } from "node:fs";
import { paths, writeWhole } from "../platform/home.ts";

export interface Flags {
  /** The session server's process. */
  server: number;
  /** Without one, the session has not been registered yet. */
  peer_id: string | undefined;
  name: string;
  /** The active pool and what waits in it. */
  pool?: { name: string; unread: number } | undefined;
  unread: number;
  /** Kept back by an inbound policy. */
  held: number;
  presence: string;
  /** Milliseconds since 1970. */
  busy_until?: number | undefined;
  /** `quiet`: no hook of this session has ever said anything, or none does any more. */
  hook: "live" | "quiet";
  broker: "up" | "away";
}

/** The line. Names come from peers: a word holds no blank and nothing that a terminal would obey. */
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

/** Puts the line where the status line of the host `claudePid` reads it. */
export function writeFlags(home: string, claudePid: number, line: string, unique: string): void {
  try {
    writeWhole(paths(home).flag(claudePid), line, unique);
  } catch {
    // A full disk or a home that went away: the status line says so by itself, since the old line soon counts no more.
  }
}

/** At the session's end: from now on no session matches. */
export function removeFlags(home: string, claudePid: number): void {
  rmSync(paths(home).flag(claudePid), { force: true });
}
