/**
 * The spool of one host process: the files through which mail reaches the hooks, and the hooks tell what became of it.
 *
 *     mail ─take→ taken.X ─printed→ done.X ─batch over→ seen.X ─another hook→ read.X
 *
 * Every arrow is a rename, so that exactly one taker wins, and what was going on when something was killed can be read
 * from the names. The hooks do the arrows; this side writes `mail`, takes it back to add to it, and removes what is settled.
 */
import {
  type FSWatcher,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CctError, systemCode } from "../errors.ts";
import { paths, readIfThere, writeWhole } from "../home.ts";
import { isAlive, startedAt, startMark, stillRuns } from "../process.ts";

/** A file that a hook took: its stage, its name, and its text. */
export interface TakenFile {
  stage: "taken" | "done" | "seen" | "read";
  name: string;
  content: string;
  /** When it reached this stage, milliseconds since 1970. */
  since: number;
}

export interface Spool {
  folder: string;
  /** Puts `content` in place as the mail, at once and whole. */
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
  remove(file: TakenFile): void;
  /** What the hooks last said of the session. */
  state(): "active" | "idle" | "ended" | undefined;
  sessionId(): string | undefined;
  watch(changed: () => void): void;
  close(): void;
}

const STAGES = ["taken", "done", "seen", "read"] as const;

/**
 * Opens the spool of the host process `claudePid`, as its only session server. Throws `conflict` when another one
 * already serves it. What an earlier process of that number left is cleared away.
 */
export function openSpool(home: string, claudePid: number, me: { pid: number; newId(): string }): Spool {
  const folder = paths(home).spool(claudePid);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (takeOver(folder, claudePid, me)) rmSync(paths(home).pidmap(claudePid), { force: true });
  let count = 0;
  let watcher: FSWatcher | undefined;
  const at = (name: string) => join(folder, name);
  const unique = () => `${me.pid}-${count++}`;
  /** Hooks write such files over in place: behind the first line may stand what is left of a longer one. */
  const firstLine = (name: string) => readIfThere(at(name))?.split("\n", 1)[0]?.trim();

  return {
    folder,
    put: (content) => writeWhole(at("mail"), content, me.newId()),
    takeBack() {
      const mine = at(`.back.${unique()}`);
      if (!moved(at("mail"), mine)) return undefined;
      const content = readFileSync(mine, "utf8");
      rmSync(mine, { force: true });
      return content;
    },
    peek: () => readIfThere(at("mail")),
    taken() {
      const files: TakenFile[] = [];
      for (const name of readdirSync(folder)) {
        const stage = STAGES.find((one) => name.startsWith(`${one}.`));
        if (!stage) continue;
        try {
          files.push({ stage, name, content: readFileSync(at(name), "utf8"), since: statSync(at(name)).ctimeMs });
        } catch (error) {
          // A hook renamed it just now; its new name is seen next time.
          if (systemCode(error) !== "ENOENT") throw error;
        }
      }
      return files;
    },
    putDone: (content) => writeWhole(at(`done.${unique()}`), content, me.newId()),
    retire: (file) => moved(at(file.name), at(`.lost.${file.name}`)),
    markRead: (file) => void moved(at(file.name), at(`read.${file.name}`)),
    remove(file) {
      for (const name of [file.name, `.lost.${file.name}`]) rmSync(at(name), { force: true });
    },
    state() {
      const said = firstLine("state");
      return said === "active" || said === "idle" || said === "ended" ? said : undefined;
    },
    sessionId: () => firstLine("session") || undefined,
    watch(changed) {
      watcher = watch(folder, changed);
      // A folder that goes away under us is noticed at the next write.
      watcher.on("error", () => {});
    },
    close() {
      watcher?.close();
      rmSync(at("server"), { force: true });
    },
  };
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

/** Answers whether what lies there under this number is not this process's. */
function takeOver(folder: string, claudePid: number, me: { pid: number; newId(): string }): boolean {
  const lock = join(folder, "server");
  const mine = `${me.pid} ${startMark(me.pid)}\n`;
  try {
    writeFileSync(lock, mine, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    const [pid = "", ...mark] = (readIfThere(lock) ?? "").trim().split(" ");
    if (pid !== "" && Number(pid) !== me.pid && stillRuns(Number(pid), mark.join(" "))) {
      throw new CctError(
        "conflict",
        `Another CCT session server (process ${pid}) already serves this session; this one steps back.`,
        "CCT is installed twice: remove one of the two (see: claude mcp list, cct doctor).",
      );
    }
    writeWhole(lock, mine, me.newId());
  }
  const owner = join(folder, "owner");
  const host = startMark(claudePid);
  if (readIfThere(owner)?.trim() === host) return false;
  // Another process had this number. The folder itself must stay: the host may watch it already.
  for (const name of readdirSync(folder)) {
    const isNew = ["state", "session"].includes(name) && !isOlder(join(folder, name), startedAt(claudePid));
    if (name !== "server" && !isNew) rmSync(join(folder, name), { recursive: true, force: true });
  }
  writeFileSync(owner, `${host}\n`, { mode: 0o600 });
  return true;
}

/** Written before the process began (which is known to a second), and so by a hook of another one. */
function isOlder(path: string, began: number | undefined): boolean {
  return began !== undefined && statSync(path).mtimeMs < began - 2_000;
}

/** Clears away what ended host processes left: their mail's leases lapse, and it is queued again. */
export function sweepDead(home: string): void {
  const { spools, pidmaps } = paths(home);
  for (const folder of [spools, pidmaps]) {
    for (const name of readdirSync(folder)) {
      if (/^\d+$/.test(name) && !isAlive(Number(name))) rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
}
