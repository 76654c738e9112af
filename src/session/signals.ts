/**
 * What hooks report about their session, one file per fact: `state` (active, idle, blocked, ended), `session` (the
 * conversation's id), `cwd` (its directory) and `tool` (whether a command runs). Hooks overwrite these files in place, so
 * only the first line counts: the rest may be left over from a longer one.
 */
import { closeSync, constants, openSync, statSync, writeSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { readTrusted, writeWhole } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import type { Kept } from "./kept.ts";
import { lastKnown } from "./last-known.ts";

/** `blocked`: a permission dialog is open. */
type SessionState = "active" | "idle" | "blocked" | "ended";
const states: readonly SessionState[] = ["active", "idle", "blocked", "ended"];

export interface Signals {
  state(): SessionState | undefined;
  /** The state before the permission dialog that is open; `undefined` when none is. */
  stateBeforeDialog(): string | undefined;
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
  /** Writes a signal as a hook does. */
  write(name: "state" | "session" | "tool" | "cwd", value: string): void;
}

/** `kept`: values that live until the folder changes. `changed` is called after a state was overridden. */
export function createSignals(
  folder: string,
  me: Pick<World, "newId" | "steady">,
  kept: Kept,
  changed: () => void,
): Signals {
  const at = (name: string) => join(folder, name);
  const line = () => kept.value(lastKnown(""));
  const time = () => kept.value(lastKnown<number | undefined>(undefined));
  const lines = { state: line(), session: line(), tool: line(), cwd: line() };
  const times = { state: time(), tool: time() };
  const firstLine = (name: keyof typeof lines) =>
    lines[name](() => readTrusted(at(name))?.split("\n", 1)[0]?.trim() ?? "");
  const stateWords = () => firstLine("state").split(" ");
  const writtenAt = (name: keyof typeof times) =>
    times[name](() => statSync(at(name), { throwIfNoEntry: false })?.mtimeMs);

  /** When each version of a file was first seen. The file's own time follows the wall clock, which can be set. */
  const firstSeen = new Map<string, { written: number; at: number }>();
  function seenAt(name: string, written: number): number {
    const known = firstSeen.get(name);
    if (known?.written === written) return known.at;
    const now = me.steady();
    firstSeen.set(name, { written, at: now });
    return now;
  }

  return {
    state() {
      const [word] = stateWords();
      return states.find((state) => state === word);
    },
    stateBeforeDialog() {
      const [word, before = "active"] = stateWords();
      return word === "blocked" ? before : undefined;
    },
    stateWrittenAt: () => writtenAt("state"),
    stateSeenAt: () => seenAt("state", writtenAt("state") ?? 0),
    overrideState(state) {
      const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
      const file = openSync(at("state"), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
      try {
        // In place, as hooks do it.
        writeSync(file, state === "blocked" ? "blocked active\n" : `${state}\n`);
      } finally {
        closeSync(file);
        kept.forget();
      }
      changed();
    },
    commandSince() {
      const written = writtenAt("tool");
      return firstLine("tool") === "running" && written !== undefined ? seenAt("tool", written) : undefined;
    },
    sessionId: () => firstLine("session") || undefined,
    directory() {
      const cwd = firstLine("cwd");
      return isAbsolute(cwd) ? cwd : undefined;
    },
    write(name, value) {
      kept.forget();
      writeWhole(at(name), `${value}\n`, me.newId());
    },
  };
}
