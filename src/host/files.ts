/** Changes to files as values: planned first, shown, then carried out, each by a rename, with what was there before kept. */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, realpathSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CctError, errorLine, systemCode } from "../platform/errors.ts";
import { readIfThere, writeWhole } from "../platform/home.ts";

/** `content` undefined: the file is to go. A file that is there keeps its mode; a new one is its owner's alone. */
export interface FileChange {
  path: string;
  content: string | undefined;
}

/** What install changed, so that uninstall can restore it. */
export interface Change {
  path: string;
  /** The text before; null when there was no file. */
  before: string | null;
  /** SHA-256 of what install wrote. */
  after: string;
}

export const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The changes among `wanted` that would change something. */
export function needed(wanted: readonly FileChange[]): FileChange[] {
  return wanted.filter(({ path, content }) => readIfThere(path) !== content);
}

/** Carries out one change. */
export function apply({ path, content }: FileChange, unique: string): void {
  try {
    if (content === undefined) {
      rmSync(path, { force: true });
      return;
    }
    // One by one: of what is in the way of a recursive mkdir, node tells less.
    for (const folder of missingFolders(dirname(path))) mkdirSync(folder, { mode: 0o700 });
    // Where a link leads, so that it stays one: people keep their settings elsewhere and link them here.
    const place = exists(path) ? realpathSync(path) : path;
    writeWhole(place, content, unique, modeOf(place));
  } catch (error) {
    if (error instanceof CctError) throw error;
    throw new CctError(
      "store_failed",
      `${path} cannot be written (${systemCode(error) ?? errorLine(error)}).`,
      "Check its owner and mode, and the disk.",
    );
  }
}

function modeOf(path: string): number {
  try {
    return statSync(path).mode & 0o777;
  } catch {
    return 0o600;
  }
}

/** The folders that are to be made before something can be written into `folder`, outermost first. */
export function missingFolders(folder: string): string[] {
  const missing: string[] = [];
  for (let at = folder; !exists(at); at = dirname(at)) missing.unshift(at);
  return missing;
}

export function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Removes folders that are empty, innermost first; what holds anything stays. */
export function removeEmpty(folders: readonly string[]): void {
  for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
    try {
      rmdirSync(folder);
    } catch {
      // Somebody keeps things there now, or it is gone: both are fine.
    }
  }
}

/** All files below a folder, as paths relative to it; none when there is no such folder. */
export function filesBelow(folder: string, under = ""): string[] {
  if (!exists(join(folder, under))) return [];
  return readdirSync(join(folder, under), { withFileTypes: true }).flatMap((entry) => {
    const path = under ? `${under}/${entry.name}` : entry.name;
    return entry.isDirectory() ? filesBelow(folder, path) : [path];
  });
}

/** Writes through a symbolic link's target would surprise its owner. */
export function refuseLink(path: string): void {
  if (!exists(path) || !lstatSync(path).isSymbolicLink()) return;
  throw new CctError(
    "forbidden",
    `${path} is a symbolic link; CCT does not write through it.`,
    "Remove it, or make it a real folder.",
  );
}
