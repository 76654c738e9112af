/**
 * What hooks report about their session, one file per fact: `state` (active, idle or ended, and the directory in which the session
 * works), `session` (the conversation's id), `dialog` (whether a permission dialog is open, and what for), `tool` (whether a command
 * runs), `instructed` (what the conversation was told) and `woke` (what its user is shown of the mail that woke it, as JSON). Hooks
 * overwrite these files in place, so only the first line counts: the rest may be left over from a longer one.
 */
import { closeSync, constants, existsSync, ftruncateSync, openSync, statSync, writeSync } from "node:fs";
import { isAbsolute } from "node:path";
import { readTrusted, writeWhole } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import type { Kept } from "./kept.ts";
import { lastKnown } from "./last-known.ts";

/** `blocked`: a permission dialog is open. */
type SessionState = "active" | "idle" | "blocked" | "ended";
const states: readonly SessionState[] = ["active", "idle", "ended"];

export interface Signals {
  state(): SessionState | undefined;
  /** When a hook wrote the state, by the wall clock, in milliseconds since 1970. */
  stateWrittenAt(): number | undefined;
  /** When this process first saw the state that was written last, in milliseconds since 1970. */
  stateSeenAt(): number;
  /** Sets the state where no hook runs that could. */
  overrideState(state: "active" | "idle" | "blocked"): void;
  /** When this process first saw the command that still runs; `undefined` when none does. */
  commandSince(): number | undefined;
  sessionId(): string | undefined;
  /** The directory in which the session works. */
  directory(): string | undefined;
  /** The name by which the instructions called the session, or `-` for none; `undefined`: no hook gave instructions. */
  instructed(): string | undefined;
  /** Writes a signal as a hook does. */
  write(name: "session" | "dialog" | "tool" | "instructed" | "woke" | "attended", value: string): void;
  /** What the open dialog asks for, in the host's words: the beginning of its JSON. Empty: not known. */
  asked(): string;
  /** Whether a dialog is open, or a command runs, as far as hooks know. */
  isNoted(name: "dialog" | "tool"): boolean;
  /** Makes the mark by which hooks know that something is left for the next of them. */
  remind(): void;
  /** Writes the state as a hook does. The last directory stays if none is given. */
  writeState(state: "active" | "idle" | "ended", directory?: string): void;
  /** The line for the user about the mail that has just woken the session. */
  wokeLine(): string;
}

/** `kept`: values that live until the folder changes. `changed` is called after a state was overridden. */
export function createSignals(
  folder: string,
  me: Pick<World, "newId" | "steady">,
  kept: Kept,
  changed: () => void,
): Signals {
  const at = (name: string) => `${folder}/${name}`;
  const line = (name: string) => {
    const reader = kept.value(lastKnown(""));
    return () => reader(() => readTrusted(at(name))?.split("\n", 1)[0]?.trim() ?? "");
  };
  const time = (name: string) => {
    const reader = kept.value(lastKnown<number | undefined>(undefined));
    return () => reader(() => statSync(at(name), { throwIfNoEntry: false })?.mtimeMs);
  };
  const [stateLine, sessionId, dialog, tool] = [line("state"), line("session"), line("dialog"), line("tool")];
  const [instructed, wokeLine] = [line("instructed"), line("woke")];
  const [stateTime, dialogTime, toolTime] = [time("state"), time("dialog"), time("tool")];
  const directory = () => {
    const cwd = stateLine().replace(/^\S* ?/, "");
    return isAbsolute(cwd) ? cwd : undefined;
  };
  /** Opening and closing a dialog changes the state, too. */
  const stateWrittenAt = () => {
    const times = [stateTime(), dialogTime()].filter((one) => one !== undefined);
    return times.length > 0 ? Math.max(...times) : undefined;
  };

  /** When each version of a file was first seen. The file's own time follows the wall clock, which can be set. */
  const firstSeen = new Map<string, { written: number; at: number }>();
  function seenAt(name: string, written: number): number {
    const known = firstSeen.get(name);
    if (known?.written === written) return known.at;
    const now = me.steady();
    firstSeen.set(name, { written, at: now });
    return now;
  }

  /** Overwrites in place, as hooks do it. An empty content empties the file. */
  function overwrite(name: string, content: string): void {
    const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
    const file = openSync(at(name), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    try {
      if (content) writeSync(file, content);
      else ftruncateSync(file);
    } finally {
      closeSync(file);
      kept.forget();
    }
  }
  function remind(): void {
    try {
      if (!existsSync(at("due"))) overwrite("due", "");
    } catch {
      // The disk is full. The next look at the files tries again.
    }
  }
  const stateContent = (state: string, cwd = directory() ?? ""): string => `${state} ${cwd}\n`;

  return {
    state() {
      const [word] = stateLine().split(" ", 1);
      return word !== "ended" && dialog() !== "" ? "blocked" : states.find((state) => state === word);
    },
    stateWrittenAt,
    stateSeenAt: () => seenAt("state", stateWrittenAt() ?? 0),
    overrideState(state) {
      if (state !== "blocked") overwrite("state", stateContent(state));
      overwrite("dialog", state === "blocked" ? "open\n" : "");
      if (state === "blocked") remind();
      changed();
    },
    commandSince() {
      const written = toolTime();
      return tool() === "running" && written !== undefined ? seenAt("tool", written) : undefined;
    },
    sessionId: () => sessionId() || undefined,
    directory,
    instructed: () => instructed() || undefined,
    wokeLine,
    asked: () => dialog().replace(/^open ?/, ""),
    remind,
    isNoted: (name) => (name === "tool" ? tool() : dialog()) !== "",
    write(name, value) {
      kept.forget();
      writeWhole(at(name), value && `${value}\n`, me.newId());
    },
    writeState(state, cwd) {
      writeWhole(at("state"), stateContent(state, cwd), me.newId());
      kept.forget();
    },
  };
}
