/** A file of the user's that gets an entry of ours, and is restored to the byte while nobody has changed it since. */
import { isDeepStrictEqual } from "node:util";
import { CctError } from "../platform/errors.ts";
import { readIfThere } from "../platform/files.ts";
import { edit, parseObject } from "./classic.ts";
import { digest, type FileChange } from "./files.ts";

export interface SharedFile {
  path: string;
  /** The text with our entry. Throws `CctError` where the file is no JSON. */
  withOurs(text: string): string;
  /** The text without it. `before`: the file before the install, if it was there. */
  withoutOurs(text: string, before: string | undefined): string;
}

/** What install remembers of it: the content before, `null` for none, and the digest of what install made of it. */
export interface Edited {
  before: string | null;
  after: string;
}

/** What becomes of the file, and what to remember of it. `known`: what is remembered of an earlier install. */
export function share(
  file: SharedFile,
  isWanted: boolean,
  known: Edited | undefined,
): { change?: FileChange; edited?: Edited } {
  const now = readIfThere(file.path);
  if (!isWanted) return known ? { change: unshare(file, known) } : {};
  const content = file.withOurs(now ?? "{}\n");
  if (content === now || content === "{}\n") return known ? { edited: known } : {};
  const before = (known ? unshare(file, known).content : now) ?? null;
  return { change: { path: file.path, content }, edited: { before, after: digest(content) } };
}

/** `share` for what CCT works without: a file that is no JSON is left alone. */
export function shareIfReadable(...[file, isWanted, known]: Parameters<typeof share>): ReturnType<typeof share> {
  try {
    return share(file, isWanted, known);
  } catch (error) {
    if (error instanceof CctError) return known ? { edited: known } : {};
    throw error;
  }
}

/** The file as it was, or without our entry where it was changed since. */
export function unshare({ path, withoutOurs }: SharedFile, known: Edited | undefined): FileChange {
  const now = readIfThere(path);
  const { before, after } = known ?? {};
  if (now === undefined || digest(now) === after) return { path, content: now && (before ?? undefined) };
  const content = withoutOurs(now, before ?? undefined);
  return { path, content: before === null && isDeepStrictEqual(parseObject(path, content), {}) ? undefined : content };
}

/** The text without the object `key` that is empty now, unless it was there before. */
export function withoutEmpty(path: string, text: string, key: string, before: string | undefined): string {
  const isEmpty = isDeepStrictEqual(Object(parseObject(path, text))[key], {});
  const wasThere = before !== undefined && Object.hasOwn(parseObject(path, before), key);
  return isEmpty && !wasThere ? edit(text, [key], undefined) : text;
}
