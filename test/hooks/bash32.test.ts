/** The same under the oldest bash that users have: macOS comes with 3.2 and will not have a newer one. */
import { execFileSync } from "node:child_process";
import { describe, test } from "vitest";
import { notRun } from "../support/not-run.ts";
import { coreCases } from "./core/all.ts";

function oldBash(): string | undefined {
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

const shell = oldBash();

if (shell) describe("under bash 3.2", () => coreCases(shell));
else
  test.skipIf(notRun("the hooks under bash 3.2", "there is no bash 3 here (CCT_BASH32 may name one)"))(
    "the hooks work under bash 3.2",
    () => {},
  );
