/**
 * The spool of one host process: the files through which mail reaches the hooks, and the hooks tell what became of it.
 *
 *     mail ─take→ taken.X ─printed→ done.X ─batch over→ seen.X ─another hook→ read.X
 *
 * Every arrow is a rename, so that exactly one taker wins, and what was going on when something was killed can be read
 * from the names. The hooks do the arrows; this side writes `mail`, takes it back to add to it, and removes what is settled.
 */
import {
  closeSync,
  constants,
  existsSync,
  type FSWatcher,
  fstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { systemCode } from "../platform/errors.ts";
import { ownFolder, paths, readTrusted, writeWhole } from "../platform/home.ts";
import type { DeliveryMethod } from "../rules/delivery.ts";
import { readSpoolHead } from "../rules/spoolfile.ts";
import { takeOver } from "./spool-owner.ts";

export type Stage = "taken" | "done" | "seen" | "read";

/** A file that a hook took: its stage, its name, and its text. */
export interface TakenFile {
  stage: Stage;
  name: string;
  /** By which way it went, as its name says. */
  via: DeliveryMethod;
  content: string;
  /** When it was first seen at this stage, milliseconds since 1970. */
  since: number;
}

export interface Spool {
  folder: string;
  /** Puts `content` in place as the mail, at once and whole, and pokes the hook that waits for it. */
  put(content: string): void;
  /** Takes the mail back before a hook does; `undefined` when there is none (any more). */
  takeBack(): string | undefined;
  /** The mail file's text, left in place; `undefined` when there is none. */
  peek(): string | undefined;
  /** Everything that hooks have taken and that is not settled yet. */
  taken(): TakenFile[];
  /** Records text that reached the host in another way than through a hook, as if one had printed it. */
  putDone(content: string): void;
  /** Moves a taken file out of its hook's reach; `false` when the hook was faster. */
  retire(file: TakenFile): boolean;
  /** Advances a file to `read`. */
  markRead(file: TakenFile): void;
  /** Takes the mail as the hook of that event does, so that nobody else can; `undefined` when there is none. */
  take(event: string): TakenFile | undefined;
  /** Advances a file to a stage. */
  moveTo(file: TakenFile, stage: Stage): void;
  /** Says what hooks say of the session: `state`, `session`, `tool`. */
  note(name: "state" | "session" | "tool", value: string): void;
  remove(file: TakenFile): void;
  /** What the hooks last said of the session. */
  state(): SessionState | undefined;
  /** The same word for word: behind `blocked` stands what the session was before. */
  saidState(): string[];
  /** When they said it, by the wall clock, milliseconds since 1970. */
  stateSince(): number | undefined;
  /** Says it in their place, where no hook could. */
  correctState(state: "active" | "idle" | "blocked"): void;
  /** When a command that still runs was first seen to, milliseconds since 1970; `undefined` when none is known to. */
  toolSince(): number | undefined;
  /** Whether the hooks seem not to run: they have never said a word, or leave an idle session's mail where it is. */
  hooksQuiet(now: number): boolean;
  sessionId(): string | undefined;
  watch(changed: () => void): void;
  close(): void;
}

/** The spool as a hook has it: beside the session server, whose files `close` would take away. */
export type HookSpool = Omit<Spool, "close">;

/** `blocked`: a permission dialog is open. */
type SessionState = "active" | "idle" | "blocked" | "ended";
const STATES: readonly SessionState[] = ["active", "idle", "blocked", "ended"];

/** The way that each event's hook stands for; `check` is a tool's answer. */
const WAYS: Readonly<Record<string, DeliveryMethod>> = {
  FileChanged: "wake",
  Waiter: "wake",
  PreToolUse: "tool",
  PostToolBatch: "tool",
  Stop: "stop",
  UserPromptSubmit: "prompt",
  check: "check",
};

/** Hooks that have not said a word this long after the session server began do not run. */
const HOOKS_QUIET_AFTER_MS = 20_000;
/** A session that is idle takes its mail in a second; after this long nobody will. */
const UNTAKEN_MS = 60_000;

const STAGES = ["taken", "done", "seen", "read"] as const;

/**
 * Opens the spool of the host process `claudePid`, as its only session server. Throws `conflict` when another one
 * already serves it. What an earlier process of that number left is cleared away.
 */
export function openSpool(home: string, claudePid: number, me: { pid: number; newId(): string; now(): number }): Spool {
  const folder = paths(home).spool(claudePid);
  ownFolder(folder);
  if (takeOver(folder, claudePid, me)) rmSync(paths(home).pidmap(claudePid), { force: true });
  return spoolIn(folder, me);
}

/** Opens the spool for a hook, whoever serves it. */
export function spoolOfHook(
  home: string,
  claudePid: number,
  me: { pid: number; newId(): string; now(): number },
): HookSpool {
  const folder = paths(home).spool(claudePid);
  ownFolder(folder);
  return spoolIn(folder, me);
}

function spoolIn(folder: string, me: { pid: number; newId(): string; now(): number }): Spool {
  const openedAt = me.now();
  let count = 0;
  let watcher: FSWatcher | undefined;
  /** Since when mail that may wake has lain there without that a hook took it. */
  let offeredAt: number | undefined;
  const at = (name: string) => join(folder, name);
  const unique = () => `${me.pid}-${count++}`;
  /**
   * When we first saw the files that we time, by name. Their own times are no measure of age: the wall clock, which writes
   * them, may be set.
   */
  const seen = new Map<string, { written: number; at: number }>();
  function firstSeen(name: string, written: number): number {
    const known = seen.get(name);
    if (known?.written === written) return known.at;
    seen.set(name, { written, at: me.now() });
    return me.now();
  }
  /** Hooks write such files over in place: behind the first line may stand what is left of a longer one. */
  const firstLine = (name: string) => readTrusted(at(name))?.split("\n", 1)[0]?.trim();

  return {
    folder,
    put(content) {
      writeWhole(at("mail"), content, me.newId());
      const head = readSpoolHead(content);
      if (head && head.urgency !== "low" && !head.nowake) offeredAt ??= me.now();
      else offeredAt = undefined;
      poke(folder);
    },
    takeBack() {
      const mine = at(`.back.${unique()}`);
      if (!moved(at("mail"), mine)) {
        offeredAt = undefined;
        return undefined;
      }
      const content = readTrusted(mine);
      rmSync(mine, { force: true });
      return content;
    },
    peek: () => readTrusted(at("mail")),
    taken() {
      const files: TakenFile[] = [];
      const names = readdirSync(folder);
      for (const name of seen.keys()) if (!names.includes(name)) seen.delete(name);
      for (const name of names) {
        const stage = STAGES.find((one) => name.startsWith(`${one}.`));
        if (!stage) continue;
        try {
          const content = readTrusted(at(name));
          // A hook renamed it just now; its new name is seen next time.
          if (content === undefined) continue;
          files.push({ stage, name, via: wayOf(name), content, since: firstSeen(name, 0) });
        } catch (error) {
          // A hook renamed it just now; its new name is seen next time.
          if (systemCode(error) !== "ENOENT") throw error;
        }
      }
      return files;
    },
    putDone: (content) => writeWhole(at(`done.check-${unique()}`), content, me.newId()),
    retire: (file) => moved(at(file.name), at(`.lost.${file.name}`)),
    markRead: (file) => void moved(at(file.name), at(`read.${file.name}`)),
    take(event) {
      const name = `taken.${event}-${unique()}`;
      if (!moved(at("mail"), at(name))) return undefined;
      const content = readTrusted(at(name));
      if (content === undefined) return undefined;
      return { stage: "taken", name, via: wayOf(name), content, since: me.now() };
    },
    moveTo: (file, stage) => void moved(at(file.name), at(`${stage}.${file.name.replace(`${file.stage}.`, "")}`)),
    note: (name, value) => writeWhole(at(name), `${value}\n`, me.newId()),
    remove(file) {
      for (const name of [file.name, `.lost.${file.name}`]) rmSync(at(name), { force: true });
    },
    state() {
      const [said] = (firstLine("state") ?? "").split(" ");
      return STATES.find((state) => state === said);
    },
    saidState: () => (firstLine("state") ?? "").split(" "),
    stateSince: () => writtenAt(at("state")),
    correctState(state) {
      const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
      const file = openSync(at("state"), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
      try {
        // In place, as the hooks do. A dialog holds a session that worked.
        writeSync(file, state === "blocked" ? "blocked active\n" : `${state}\n`);
      } finally {
        closeSync(file);
      }
      poke(folder);
    },
    toolSince() {
      const written = writtenAt(at("tool"));
      return firstLine("tool") === "running" && written !== undefined ? firstSeen("tool", written) : undefined;
    },
    hooksQuiet(now) {
      if (firstLine("state") === undefined) return now - openedAt > HOOKS_QUIET_AFTER_MS;
      if (!existsSync(at("mail"))) offeredAt = undefined;
      const since = Math.max(offeredAt ?? now, firstSeen("state", writtenAt(at("state")) ?? 0));
      return firstLine("state") === "idle" && now - since > UNTAKEN_MS;
    },
    sessionId: () => firstLine("session") || undefined,
    watch(changed) {
      watcher = watch(folder, (_event, name) => {
        // To poke a pipe is a change too.
        if (!name?.startsWith("poke.")) changed();
      });
      // A folder that goes away under us is noticed at the next write.
      watcher.on("error", () => {});
    },
    close() {
      watcher?.close();
      rmSync(at("server"), { force: true });
      // If the host is gone, so is the reason to wait.
      poke(folder);
    },
  };
}

/** Wakes the hooks that wait for mail, each on a pipe of its own; one at the most, but for moments. */
function poke(folder: string): void {
  const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  // Somebody may have removed the whole home under us.
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!name.startsWith("poke.")) continue;
    try {
      const pipe = openSync(join(folder, name), O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
      try {
        // Only pipes: what else has such a name is none of ours to write in.
        if (fstatSync(pipe).isFIFO()) writeSync(pipe, "x");
      } finally {
        closeSync(pipe);
      }
    } catch {
      // Nobody waits at it any more. FileChanged is the net under whatever else went wrong.
    }
  }
}

function writtenAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

/** Taken files are called `<stage>.<event>-<pid>-<number>`. */
function wayOf(name: string): DeliveryMethod {
  return WAYS[/^[a-z]+\.([A-Za-z]+)-/.exec(name)?.[1] ?? ""] ?? "tool";
}

/** Renames, and says whether there was something to rename: the atomic step by which one taker wins. */
function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}
