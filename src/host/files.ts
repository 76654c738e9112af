/** File changes as values: planned, shown, then applied one by one, each by an atomic rename. */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, realpathSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CctError, errorLine, systemCode } from "../platform/errors.ts";
import { readIfThere, writeWhole } from "../platform/files.ts";
import type { World } from "../platform/world.ts";

/** `content` undefined deletes the file. An existing file keeps its mode; a new one is 0600. A program gets 0700. */
export interface FileChange {
  path: string;
  content: string | undefined;
  isProgram?: boolean;
}

const PROGRAM_MODE = 0o700;

/** One change that install made, recorded so that uninstall can restore the file. */
export interface Change {
  path: string;
  /** The previous content; null when there was no file. */
  before: string | null;
  /** SHA-256 of what install wrote. */
  after: string;
}

export const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Those of the `wanted` changes that differ from the files on disk. */
export function effectiveChanges(wanted: readonly FileChange[]): FileChange[] {
  return wanted.filter(
    ({ path, content, isProgram }) => readIfThere(path) !== content || (isProgram && modeOf(path) !== PROGRAM_MODE),
  );
}

/** Applies one change. Throws `store_failed` when the file cannot be written. */
export function apply({ path, content, isProgram }: FileChange, unique: string): void {
  try {
    if (content === undefined) {
      rmSync(path, { force: true });
      return;
    }
    // One by one, because a recursive mkdir reports less about what is in its way.
    for (const folder of missingFolders(dirname(path))) mkdirSync(folder, { mode: 0o700 });
    // Write to a symbolic link's target, so that the link stays: people link their settings from a dotfiles folder.
    const place = exists(path) ? realpathSync(path) : path;
    writeWhole(place, content, unique, isProgram ? PROGRAM_MODE : modeOf(place));
  } catch (error) {
    if (error instanceof CctError) throw error;
    throw new CctError(
      "store_failed",
      `${path} cannot be written (${systemCode(error) ?? errorLine(error)}).`,
      "Check its owner and mode, and the disk.",
    );
  }
}

/** Applies them in their order; returns how many. */
export function applyAll(changes: readonly FileChange[], world: Pick<World, "newId">): number {
  for (const change of changes) apply(change, world.newId());
  return changes.length;
}

/** What makes a folder of our own contain these files, by name, and no others. */
export function folderChanges(folder: string, wanted: Readonly<Record<string, string>>): FileChange[] {
  const stale = filesBelow(folder).filter((name) => !Object.hasOwn(wanted, name));
  return [
    ...Object.entries(wanted).map(([name, content]) => ({ path: join(folder, name), content })),
    ...stale.map((name) => ({ path: join(folder, name), content: undefined })),
  ];
}

/** As people read JSON. */
export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The object in a file of ours; empty without the file. Throws when it is no JSON. */
export const readObject = <Known = object>(path: string): Record<string, unknown> & Partial<Known> =>
  Object(JSON.parse(readIfThere(path) ?? "{}"));

function modeOf(path: string): number {
  try {
    return statSync(path).mode & 0o777;
  } catch {
    return 0o600;
  }
}

/** The folders that must be created before `folder` exists, outermost first. */
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

/** Removes the empty ones among these folders, innermost first. */
export function removeEmpty(folders: readonly string[]): void {
  for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
    try {
      rmdirSync(folder);
    } catch {
      // Not empty, or already gone.
    }
  }
}

/** All files below a folder, as relative paths; empty when the folder does not exist. */
export function filesBelow(folder: string, under = ""): string[] {
  if (!exists(join(folder, under))) return [];
  return readdirSync(join(folder, under), { withFileTypes: true }).flatMap((entry) => {
    const path = under ? `${under}/${entry.name}` : entry.name;
    return entry.isDirectory() ? filesBelow(folder, path) : [path];
  });
}

/** Throws `forbidden` for a symbolic link: writing through it would surprise its owner. */
export function refuseLink(path: string): void {
  if (!exists(path) || !lstatSync(path).isSymbolicLink()) return;
  throw new CctError(
    "forbidden",
    `${path} is a symbolic link; CCT does not write through it.`,
    "Remove it, or replace it with a real folder.",
  );
}
