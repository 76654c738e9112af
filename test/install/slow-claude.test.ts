/** A `claude` on PATH that never answers when it is asked for its version. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { success } from "../support/cct.ts";
import { newPlace } from "./place.ts";

test("installing does not wait for it for ever, and leaves no process of it behind", { timeout: 90_000 }, async () => {
  const place = newPlace();
  const pidFile = join(place.home, "..", "pid");
  place.claudeIs(`echo $$ >'${pidFile}'; exec /bin/sleep 600`);
  expect(success(await place.cct("install"))).toMatch(/installed/);
  expect(existsSync(join(place.plugin, "hooks/mail.sh"))).toBe(true);
  const pid = Number(readFileSync(pidFile, "utf8"));
  expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
});
