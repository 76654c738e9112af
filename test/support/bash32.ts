/** The oldest bash that users have, where this machine has one: macOS comes with 3.2 and will not have a newer one. */
import { execFileSync } from "node:child_process";

export const NO_BASH32 = "there is no bash 3 here (CCT_BASH32 may name one)";

export function oldBash(): string | undefined {
  for (const path of [process.env.CCT_BASH32, "/bin/bash", "/usr/local/bin/bash3"]) {
    if (path && majorVersion(path) === "3") return path;
  }
  return undefined;
}

function majorVersion(path: string): string | undefined {
  try {
    return execFileSync(path, ["-c", 'echo "${BASH_VERSINFO[0]}"'], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}
