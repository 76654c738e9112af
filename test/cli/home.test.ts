/** A home that cannot be used: one line says what is wrong and what to do, and nothing else happens. */
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { failure, success } from "../support/cct.ts";
import { canMount, isRoot, notRun } from "../support/not-run.ts";
import { endBrokerOf, newPerson } from "./person.ts";

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
  writeFileSync(join(person.cctHome, "token"), `${"0123456789abcdef".repeat(2)}\n`, { mode: 0o644 });
  await person.cct("start");
  const modes = [person.cctHome, join(person.cctHome, "token")].map(modeOf);
  await person.cct("kill");
  expect(modes).toEqual([0o700, 0o600]);
});

test("a folder that contains other things is refused, and nothing in it changes", async () => {
  const person = newPerson();
  mkdirSync(join(person.cctHome, "bin"), { recursive: true, mode: 0o755 });
  const program = join(person.cctHome, "bin/tool");
  writeFileSync(program, "#!/bin/sh\n", { mode: 0o755 });
  for (const words of COMMANDS) expect(failure(await person.cct(...words))).toMatch(/not a CCT home.*'bin'.*CCT_HOME/);
  expect([readdirSync(person.cctHome), modeOf(program)]).toEqual([["bin"], 0o755]);
});

test("files that a user puts into a home keep their modes", async () => {
  const person = newPerson();
  endBrokerOf(person);
  await person.cct("start");
  const own = join(person.cctHome, "note.sh");
  writeFileSync(own, "#!/bin/sh\n");
  chmodSync(own, 0o755);
  await person.cct("kill");
  success(await person.cct("start"));
  expect(modeOf(own)).toBe(0o755);
});

test("without HOME and CCT_HOME nothing starts", async () => {
  const person = newPerson();
  const run = await person.cctWith({ env: { HOME: "", CCT_HOME: undefined } }, "start");
  expect(failure(run)).toMatch(/HOME is empty.*set CCT_HOME/);
});

test("a damaged token is named, with what to do", async () => {
  const person = newPerson();
  endBrokerOf(person);
  mkdirSync(person.cctHome, { mode: 0o700 });
  const damaged = {
    "two lines": "0123456789abcdef\n0123456789abcdef\n",
    "a NUL": "0123456789abcdef\u00000123456789",
    "one letter": "t\n",
  };
  for (const [what, token] of Object.entries(damaged)) {
    writeFileSync(join(person.cctHome, "token"), token, { mode: 0o600 });
    for (const words of [["start"], ["status"], ["peers"]])
      expect(failure(await person.cct(...words)), what).toMatch(/token is damaged.*cct kill.*delete the file/);
    expect(success(await person.cct("kill")), what).toBe("No broker is running.\n");
  }
  rmSync(join(person.cctHome, "token"));
  success(await person.cct("start"));
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;
