/** The same tests under bash 3.2, the oldest that users have (macOS). */
import { describe, test } from "vitest";
import { NO_BASH32, oldBash } from "../support/bash32.ts";
import { notRun } from "../support/not-run.ts";
import { coreCases } from "./core/all.ts";

const shell = oldBash();

if (shell) describe("under bash 3.2", () => coreCases(shell));
else test.skipIf(notRun("the hooks under bash 3.2", NO_BASH32))("the hooks work under bash 3.2", () => {});
