/** One change of the install at a time: a file that exists while one is made, with the pid of who makes it. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CctError, systemCode } from "../platform/errors.ts";
import { readTrusted } from "../platform/home.ts";
import { isAlive } from "../platform/process.ts";
import type { World } from "../platform/world.ts";

const PATIENCE_MS = 15_000;

/** Runs `work` alone among all that install or uninstall from this home. */
export async function alone<T>(world: World, home: string, work: () => T): Promise<T> {
  const path = join(home, "install.lock");
  for (const deadline = world.now() + PATIENCE_MS; !take(path, world.pid); ) {
    if (world.now() > deadline) {
      throw new CctError(
        "conflict",
        `Another cct is installing (${path}).`,
        "Wait for it, or remove that file if none is.",
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  try {
    return work();
  } finally {
    rmSync(path, { force: true });
  }
}

function take(path: string, pid: number): boolean {
  try {
    writeFileSync(path, String(pid), { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    const holder = Number(readTrusted(path) ?? "");
    // Left behind by one that was killed.
    if (holder > 0 && !isAlive(holder)) rmSync(path, { force: true });
    return false;
  }
}
