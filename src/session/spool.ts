/**
 * The spool of one host process: the folder through which the session server hands mail to hooks, and hooks report what
 * became of it.
 *
 *     mail ─take→ taken.X ─printed→ done.X ─batch over→ seen.X ─another hook→ read.X
 *
 * Each step is a rename: exactly one process wins it, and after a crash the names tell how far things got. Hooks make these
 * steps. The session server writes `mail`, takes it back to add to it, and removes settled files.
 */
import { existsSync, type FSWatcher, readdirSync, rmSync, watch } from "node:fs";
import { readTrusted, writeWhole } from "../platform/files.ts";
import { ownFolder, paths } from "../platform/home.ts";
import type { World } from "../platform/world.ts";
import {
  formatStageName,
  newBatch,
  parseStageName,
  privateName,
  readSpoolHead,
  type Stage,
  type StageName,
  type TakenFile,
} from "../rules/spoolfile.ts";
import { createKept } from "./kept.ts";
import { lastKnown } from "./last-known.ts";
import { createSignals, type Signals } from "./signals.ts";
import { discard, moved, poke } from "./spool-files.ts";
import { takeOver } from "./spool-owner.ts";

export interface Spool extends Signals {
  folder: string;
  /** Replaces the mail file atomically, and pokes the waiters. */
  put(content: string): void;
  /** Throws the error of a write that would fail now. */
  probe(): void;
  /** Takes the mail file back. `undefined`: there is none, perhaps because a hook was faster. */
  takeBack(): string | undefined;
  /** Content of the mail file, left in place. */
  peek(): string | undefined;
  /** All files that were taken and not removed yet. */
  files(): TakenFile[];
  /**
   * Adds a file at stage `done`, for text that reached the host without a hook. While the disk is full, this process keeps
   * it: what was shown is still reported.
   */
  addShown(content: string): void;
  /** Takes the mail file for a hook of `event`. `undefined`: there is none, or another hook was faster. */
  take(event: string): TakenFile | undefined;
  /** Renames a file to another stage. Its batch stays. Does nothing when another process was faster. */
  setStage(file: StageName, stage: Stage): void;
  /** Whether a file is still there, at its stage. */
  has(file: StageName): boolean;
  /** Removes a file at stage `taken` unless its hook is faster. Returns whether it did. */
  withdraw(file: StageName): boolean;
  remove(file: StageName): void;
  /** Whether hooks seem not to run: they never reported anything, or leave the mail of an idle session that they can wake. */
  areHooksQuiet(now: number, wakes: boolean): boolean;
  /** Calls back after changes in the folder: once for those that come together. */
  watch(changed: () => void): void;
  /** Reads the files again at the next question, also if no change was noticed. */
  refresh(): void;
  /** Makes the folder again if it was removed, with a home that a backup replaced for example. To call regularly. */
  keep(): void;
  close(): void;
}

/** The spool as a hook sees it. Only the session server keeps and closes it. */
export type HookSpool = Omit<Spool, "keep" | "close">;

/** Durations are measured by the clock that nobody can set. */
type Me = Pick<World, "pid" | "newId" | "steady">;

/** Hooks that reported nothing for this long after the session server started do not run. */
const HOOK_START_MS = 8_000;
/** An idle session that can be woken takes mail within a second; after this long its hooks do not run. */
const UNTAKEN_MS = 15_000;
/** More than any file in a spool has. */
const PROBE_BYTES = 64 * 1024;
/** How often to try to write what could not be written. */
const WRITE_AGAIN_MS = 5_000;

/**
 * Opens the spool of the host process `hostPid` as its only session server, and clears what an earlier process with this
 * pid left. Throws `conflict` when another session server already serves it.
 */
export function openSpool(home: string, hostPid: number, me: Me): Spool {
  const folder = paths(home).spool(hostPid);
  const occupy = (): boolean => {
    ownFolder(folder);
    return takeOver(folder, hostPid, me);
  };
  if (occupy()) rmSync(paths(home).pidmap(hostPid), { force: true });
  // Without a home there is nobody to keep it for: the user has removed CCT.
  return spoolIn(folder, me, () => existsSync(home) && occupy());
}

/** Opens the spool for a hook, next to the session server that serves it. */
export function openSpoolForHook(home: string, hostPid: number, me: Me): HookSpool {
  const folder = paths(home).spool(hostPid);
  ownFolder(folder);
  return spoolIn(folder, me);
}

function spoolIn(folder: string, me: Me, makeAgain = (): unknown => undefined): Spool {
  const openedAt = me.steady();
  const kept = createKept();
  const signals = createSignals(folder, me, kept, () => poke(folder));
  let count = 0;
  let watcher: FSWatcher | undefined;
  let onChange = (): void => {};
  /** Since when the mail file offers something that may wake the session. */
  let offeredAt: number | undefined;
  /** When each taken file was first seen. A file's own time follows the wall clock, which can be set. */
  const firstSeen = new Map<string, number>();
  /** Content of files that could not be written yet, by name. */
  const unwritten = new Map<string, string>();
  const lastMail = kept.value(lastKnown<string | undefined>(undefined));
  const lastFiles = kept.value(lastKnown<{ name: string; content: string }[]>([]));
  let writeAgainAt = 0;
  const at = (name: string) => `${folder}/${name}`;
  const unique = () => `${me.pid}-${count++}`;
  const move = (from: string, to: string): boolean => {
    kept.forget();
    return moved(at(from), at(to));
  };

  function writeAgain(): void {
    if (unwritten.size === 0 || me.steady() < writeAgainAt) return;
    writeAgainAt = me.steady() + WRITE_AGAIN_MS;
    try {
      for (const [name, content] of unwritten) {
        writeWhole(at(name), content, me.newId());
        unwritten.delete(name);
      }
    } catch {
      // Still full.
    }
  }

  function watchFolder(): void {
    watcher?.close();
    let isTold = false;
    watcher = watch(folder, (_event, name) => {
      // Poking a pipe is a change too, and so is a file that is being written.
      if (name?.startsWith("poke.") || name?.startsWith(".tmp.")) return;
      kept.forget();
      if (isTold) return;
      isTold = true;
      // A rename is two changes.
      setImmediate(() => {
        isTold = false;
        onChange();
      });
    });
    // When the folder disappears, `keep` finds out.
    watcher.on("error", () => {});
  }

  const takenFiles = () =>
    (existsSync(folder) ? readdirSync(folder) : []).flatMap((name) => {
      const content = parseStageName(name) && readTrusted(at(name));
      // No content: a hook renamed it just now. The next listing has its new name.
      return content === undefined ? [] : [{ name, content }];
    });

  return {
    ...signals,
    folder,
    put(content) {
      kept.forget();
      writeWhole(at("mail"), content, me.newId());
      const head = readSpoolHead(content);
      if (head && head.urgency !== "low" && !head.nowake) offeredAt ??= me.steady();
      else offeredAt = undefined;
      poke(folder);
    },
    probe() {
      const path = at(privateName.probe(unique()));
      writeWhole(path, "x".repeat(PROBE_BYTES), me.newId());
      rmSync(path);
    },
    takeBack() {
      const ours = privateName.takenBack(unique());
      // Only this process writes the file, so what it reads is what it then moves. Read first: if that fails, it stays.
      const content = readTrusted(at("mail"));
      if (content === undefined || !move("mail", ours)) {
        offeredAt = undefined;
        return undefined;
      }
      discard(at(ours));
      return content;
    },
    peek: () => lastMail(() => readTrusted(at("mail"))),
    files() {
      writeAgain();
      const found = [...lastFiles(takenFiles), ...[...unwritten].map(([name, content]) => ({ name, content }))];
      for (const seen of firstSeen.keys()) if (!found.some(({ name }) => name === seen)) firstSeen.delete(seen);
      // A hook that was killed, and a tool's answer, leave no mark.
      if (found.some(({ name }) => /^(done|seen)\./.test(name))) signals.remind();
      return found.flatMap(({ name, content }) => {
        const parsed = parseStageName(name);
        if (!parsed) return [];
        const since = firstSeen.get(name) ?? me.steady();
        firstSeen.set(name, since);
        return [{ ...parsed, content, since }];
      });
    },
    addShown(content) {
      const name = formatStageName({ stage: "done", batch: newBatch("check", unique()) });
      unwritten.set(name, content);
      writeAgainAt = 0;
      writeAgain();
    },
    take(event) {
      const name: StageName = { stage: "taken", batch: newBatch(event, unique()) };
      if (!move("mail", formatStageName(name))) return undefined;
      const content = readTrusted(at(formatStageName(name)));
      return content === undefined ? undefined : { ...name, content, since: me.steady() };
    },
    setStage(file, stage) {
      const [from, to] = [formatStageName(file), formatStageName({ ...file, stage })];
      const content = unwritten.get(from);
      if (content === undefined) return void move(from, to);
      unwritten.delete(from);
      unwritten.set(to, content);
    },
    has: (file) => existsSync(at(formatStageName(file))),
    withdraw(file) {
      const withdrawn = privateName.withdrawn(file);
      if (!move(formatStageName(file), withdrawn)) return false;
      discard(at(withdrawn));
      return true;
    },
    remove(file) {
      kept.forget();
      if (!unwritten.delete(formatStageName(file))) rmSync(at(formatStageName(file)), { force: true });
    },
    areHooksQuiet(now, wakes) {
      const state = signals.state();
      if (state === undefined) return now - openedAt > HOOK_START_MS;
      if (!existsSync(at("mail"))) offeredAt = undefined;
      const since = Math.max(offeredAt ?? now, signals.stateSeenAt());
      return wakes && state === "idle" && now - since > UNTAKEN_MS;
    },
    watch(changed) {
      onChange = changed;
      watchFolder();
      kept.begin();
    },
    refresh: kept.forget,
    keep() {
      if (existsSync(folder)) return;
      makeAgain();
      if (existsSync(folder)) watchFolder();
    },
    close() {
      watcher?.close();
      rmSync(at("server"), { force: true });
      // Waiters check whether the host still lives.
      poke(folder);
    },
  };
}
