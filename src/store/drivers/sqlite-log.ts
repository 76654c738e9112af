/**
 * Ties SQLite's log (`-wal`) to its database file. SQLite applies a log to whatever file has the name of its database, so
 * an old copy that is put beside the log of a killed broker would silently become a mixture. Every start therefore writes a
 * random number into the header of the file (`user_version`) and into a file beside it (`-mark`).
 */
import { open, readFile, rm, stat } from "node:fs/promises";
import { CctError } from "../../platform/errors.ts";
import type { Row } from "../store.ts";

/** Where the header of an SQLite file has its `user_version`, 4 bytes, big-endian. */
export const VERSION_OFFSET = 60;
/** A broker that is just starting replaces both numbers, one after the other. */
const READINGS = 3;
const PAUSE_MS = 100;

type Query = (text: string) => Row[];

const markFile = (path: string): string => `${path}-mark`;

/** Whether there is a log that has not been applied to the file. */
export async function hasLog(path: string): Promise<boolean> {
  return (await sizeOf(`${path}-wal`)) > 0;
}

/** Whether the last process that used the database was killed. Stays so until one has checked it and ends well. */
export async function wasKilled(path: string): Promise<boolean> {
  return (await hasLog(path)) || (await sizeOf(markFile(path))) > 0;
}

/** The size of a file; 0 if it does not exist. */
export const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );

/** Throws `store_failed` when the log beside the database file belongs to another one. To be called before it is opened. */
export async function requireOwnLog(path: string): Promise<void> {
  for (let i = 0; i < READINGS; i++) {
    if (!(await hasLog(path))) return;
    const number = await numberIn(path);
    const marks = await readFile(markFile(path), "utf8").catch(() => "");
    // Written by an earlier version, or lost in a power cut.
    if (!/^\d+( \d+)?\n$/.test(marks)) return;
    if (marks.trim().split(" ").includes(String(number))) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new CctError(
    "store_failed",
    `${path} was replaced, but the log beside it (${path}-wal) belongs to the database that was there before. Nothing was changed.`,
    "To use a backup: cct restore <file>. To use this file without the log, move the log away; it has the last messages of the other database.",
  );
}

async function numberIn(path: string): Promise<number | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, VERSION_OFFSET);
      return bytesRead === 4 ? buffer.readInt32BE() : undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** Gives the database file a new number. To be called under the lock. The log is empty afterwards. */
export async function markLog(query: Query, path: string): Promise<void> {
  query("PRAGMA wal_checkpoint(TRUNCATE)");
  const before = Number(query("PRAGMA user_version")[0]?.user_version);
  const next = Number(query("SELECT abs(random() % 2147483646) + 1 AS number")[0]?.number);
  // Whatever of the following steps a crash leaves out, the number in the header is in the file.
  await write(markFile(path), `${before} ${next}\n`);
  query(`PRAGMA user_version=${next}`);
  query("PRAGMA wal_checkpoint(TRUNCATE)");
  await write(markFile(path), `${next}\n`);
}

/** After a clean end there is no log. A mark that stays behind could be copied into a backup, and fit a later log. */
export const removeMark = (path: string): Promise<void> => rm(markFile(path), { force: true });

async function write(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CctError("store_failed", `${path} cannot be written (${why}).`, "Check its owner and the disk's space.");
  }
}
