/** Throw-away folders. No test ever looks at the home of the person who runs it. */
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { atEnd } from "./cleanup.ts";

/** The folder of the package. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "t-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  return folder;
}

/** A path for a home that does not exist yet. */
export const tempHome = (): string => join(tempFolder(), "home");

/** Writes into a file until its disk is full. */
export function fill(file: string): void {
  for (let size = 256 * 1024; size >= 1; size = Math.floor(size / 4)) {
    try {
      for (;;) appendFileSync(file, "f".repeat(size));
    } catch {
      // Full for pieces of this size.
    }
  }
}
