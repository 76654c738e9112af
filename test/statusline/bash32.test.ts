/** The status line under old versions of bash: without a built-in clock, and bash 3.2 itself where it is installed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NO_BASH32, oldBash } from "../support/bash32.ts";
import { notRun } from "../support/not-run.ts";
import { type LineOptions, newLine } from "./line.ts";

async function expectAll(options: LineOptions): Promise<void> {
  const line = newLine();
  expect(await line.rows(options)).toEqual(["CCT:—"]);
  // Six minutes for the next 55 seconds, by the real clock.
  const busy_until = Date.now() + 6 * 60_000 + 25_000;
  line.says({ pool: { name: "feature-x", unread: 2 }, unread: 3, held: 1, busy_until });
  expect(await line.rows({ ...options, columns: 60 })).toEqual(["CCT:dd5c @feature-x(2) ✉3 held 1 busy 6m"]);
  expect(await line.rows({ ...options, columns: 40 })).toEqual(["CCT:dd5c @feat~(2) ✉3 held 1 busy 6m"]);
  expect(await line.rows({ ...options, theirs: "printf '\\033[31mmine\\033[0m'" })).toEqual([
    "\u001b[31mmine\u001b[0m  CCT:dd5c @feature-x(2) ✉3 held 1 busy 6m",
  ]);
  line.says({}, 33);
  expect(await line.rows(options)).toEqual(["CCT:off"]);
}

test.each([
  ["before 5.0", "unset EPOCHSECONDS"],
  ["before 4.2", "unset EPOCHSECONDS; printf() { [[ $* != *'%(%s)T'* ]] && builtin printf \"$@\"; }"],
])("bash of %s knows the time too", async (_, missing) => {
  const file = join(newLine().home, "without");
  writeFileSync(file, `${missing}\n`);
  await expectAll({ env: { BASH_ENV: file } });
});

const shell = oldBash();
test.skipIf(!shell && notRun("the status line under bash 3.2", NO_BASH32))(
  "the status line works under bash 3.2",
  async () => {
    await expectAll(shell === undefined ? {} : { shell });
  },
);
