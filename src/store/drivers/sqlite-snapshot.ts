/**
 * Reads a consistent copy of a database file while it is in use. In WAL mode only a checkpoint changes the file itself, so
 * after a checkpoint the file is complete, and stays as it is until the next one, which waits for the reader.
 */
import { type FileHandle, open } from "node:fs/promises";
import { CctError } from "../../platform/errors.ts";
import type { Row, Snapshot } from "../store.ts";
import { VERSION_OFFSET } from "./sqlite-log.ts";

const CHUNK_BYTES = 1024 * 1024;

export interface Snapshots {
  take(): Promise<Snapshot>;
  /** Whether one is being read: the file must not change. */
  isReading(): boolean;
  /** Ends a snapshot that is being read: the file is about to change. */
  abort(): void;
  /** Closes the file. To be called after the database is closed. */
  close(): Promise<void>;
}

/** `between` runs work outside of transactions. */
export function createSnapshots(
  path: string,
  query: (text: string) => Row[],
  between: (work: () => void) => Promise<void>,
  autoCheckpoint: string,
): Snapshots {
  /** Stays open: closing any handle of the file would drop the process's locks on it, SQLite's among them. */
  let file: FileHandle | undefined;
  let reading = false;
  let aborted = false;

  function release(): void {
    if (!reading) return;
    reading = false;
    if (!aborted) query(autoCheckpoint);
  }

  async function* chunks(from: FileHandle, size: number): AsyncIterable<Uint8Array> {
    for (let position = 0; position < size; ) {
      const length = Math.min(CHUNK_BYTES, size - position);
      const { buffer, bytesRead } = await from.read(Buffer.alloc(length), 0, length, position);
      if (aborted || bytesRead === 0)
        throw new CctError("unavailable", "The broker ended while its database was copied.", "Try again.");
      // The log beside the database does not belong to a copy of it.
      if (position === 0 && bytesRead >= VERSION_OFFSET + 4) buffer.writeInt32BE(0, VERSION_OFFSET);
      yield buffer.subarray(0, bytesRead);
      position += bytesRead;
    }
  }

  return {
    isReading: () => reading,
    async take() {
      if (reading) throw new CctError("conflict", "Another backup is being made.", "Wait until it has finished.");
      reading = true;
      try {
        await between(() => {
          query("PRAGMA wal_autocheckpoint=0");
          const [done] = query("PRAGMA wal_checkpoint(TRUNCATE)");
          if (done?.busy !== 0) throw new CctError("conflict", "The database is busy.", "Try again in a moment.");
        });
        file ??= await open(path, "r");
        const from = file;
        const { size } = await from.stat();
        return { size, chunks: () => chunks(from, size), release };
      } catch (error) {
        release();
        throw error;
      }
    },
    abort() {
      aborted = true;
    },
    async close() {
      await file?.close();
    },
  };
}
