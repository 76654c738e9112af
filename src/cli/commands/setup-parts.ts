/** What the installs of all hosts share. */
import type { FileChange } from "../../host/files.ts";
import type { Config } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { readIfThere } from "../../platform/files.ts";
import { paths } from "../../platform/home.ts";
import { withLock } from "../../platform/lock.ts";
import type { World } from "../../platform/world.ts";
import type { Screen } from "../parts/output.ts";

/** One install or uninstall of this home at a time. */
export function withInstallLock<T>(world: World, { home }: Config, work: () => T): Promise<T> {
  const { installLock } = paths(home);
  const busy = (pid: number) =>
    new CctError(
      "conflict",
      `Another cct is installing (process ${pid}, ${installLock}).`,
      "Wait until it has finished.",
    );
  return withLock(installLock, world, busy, work);
}

export function listChanges(screen: Screen, changes: readonly FileChange[]): void {
  if (changes.length === 0) screen.write("Nothing would change.\n");
  for (const { path, content } of changes) {
    const what = content === undefined ? "remove" : readIfThere(path) === undefined ? "create" : "change";
    screen.write(`would ${what} ${path}\n`);
  }
}
