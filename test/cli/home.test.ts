/** A home that cannot be used: one line says what is wrong and what to do, and nothing else happens. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { failure } from "../support/cct.ts";
import { canMount, isRoot, notRun } from "../support/not-run.ts";
import { newPerson } from "./person.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

/** Commands that need the home. */
const COMMANDS = [
  ["start"],
  ["start", "--foreground"],
  ["up"],
  ["install"],
  ["peers"],
  ["send", "ben", "hi"],
  ["config", "set", "port", "8006"],
];

describe.each(COMMANDS.map((words) => words.join(" ")))("cct %s", (line) => {
  const words = line.split(" ");

  test("refuses a home that is a symbolic link", async () => {
    const person = newPerson();
    const elsewhere = join(person.home, "elsewhere");
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, person.cctHome);
    expect(failure(await person.cct(...words))).toMatch(/\.cct is a symbolic link.*replace the link/);
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test("refuses a home that is a file", async () => {
    const person = newPerson();
    writeFileSync(person.cctHome, "");
    expect(failure(await person.cct(...words))).toContain(person.cctHome);
  });

  inTurn.skipIf(!canMount() && isRoot && notRun("a read-only home", "no folder can be made read-only for root here"))(
    "refuses a home that cannot be written",
    async () => {
      const person = newPerson();
      mkdirSync(person.cctHome, { mode: 0o700 });
      const script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"';
      const within = (command: string[]) =>
        canMount()
          ? ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", person.cctHome, ...command]
          : ["sh", "-c", 'chmod 500 "$1" && shift && exec "$@"', "sh", person.cctHome, ...command];
      const why = failure(await person.cctWith({ within }, ...words));
      expect(why).toMatch(/cannot be (used|written)/);
      expect(why).toContain(person.cctHome);
      expect(readdirSync(person.cctHome)).toEqual([]);
    },
  );
});

test("a token that others could read gets its modes corrected at the next start", async () => {
  const person = newPerson();
  mkdirSync(person.cctHome, { mode: 0o755 });
  writeFileSync(join(person.cctHome, "token"), "secret\n", { mode: 0o644 });
  await person.cct("start");
  const { statSync } = await import("node:fs");
  const modes = [person.cctHome, join(person.cctHome, "token")].map((path) => statSync(path).mode & 0o777);
  await person.cct("kill");
  expect(modes).toEqual([0o700, 0o600]);
});
