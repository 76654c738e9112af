/** Output that cannot be written: a failure that is said, unless the reader has just had enough. */
import { existsSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { type CctRun, cct } from "../support/cct.ts";
import { notRun } from "../support/not-run.ts";
import { type Person, personWithBroker } from "./person.ts";

const FULL = "output to a full disk";

describe.skipIf(!existsSync("/dev/full") && notRun(FULL, "there is no /dev/full"))(FULL, () => {
  let person: Person;
  beforeAll(async () => {
    person = await personWithBroker();
  });
  const redirected = (to: string, args: readonly string[]): Promise<CctRun> =>
    cct(args, {
      env: person.env,
      within: (command) => ["bash", "-c", `"$@" ${to}; exit $PIPESTATUS`, "cct", ...command],
    });

  const commands = [
    "peers --json",
    "peers",
    "pools",
    "messages --json",
    "status",
    "config show",
    "--help",
    "send --help",
  ];

  test.each(commands)("cct %s fails with one line", async (command) => {
    const { code, stderr } = await redirected("> /dev/full", command.split(" "));
    expect(stderr).toBe("cct: The output could not be written (ENOSPC).\n");
    expect(code).toBe(1);
  });

  test("a command whose standard error is full too still fails", async () => {
    expect((await redirected("> /dev/full 2>&1", ["peers"])).code).toBe(1);
  });

  test("a reader that closes the pipe is no failure", async () => {
    expect(await redirected("| true", ["--help"])).toMatchObject({ code: 0, stderr: "" });
  });
});
