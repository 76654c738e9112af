/** The broker's log file: JSON lines, rotated by size. */
import { mkdirSync } from "node:fs";
import pino, { type Logger } from "pino";
import { createStream } from "rotating-file-stream";

/** Opens `broker.log` in a folder. `endLog` writes what is buffered and closes the file. */
export function openLog(folder: string): { log: Logger; endLog(): Promise<void> } {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stream = createStream("broker.log", { path: folder, size: "5M", maxFiles: 5, mode: 0o600 });
  // A log that cannot be written, for example because the disk is full, must not end the broker.
  stream.on("error", () => {});
  return {
    log: pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream),
    endLog: () =>
      new Promise((resolve) => {
        stream.on("error", () => resolve());
        stream.end(() => resolve());
      }),
  };
}
