/** The user's own status line, shown beside CCT's. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test as inTurn } from "vitest";
import { readIfThere } from "../../src/platform/files.ts";
import { isAlive } from "../../src/platform/process.ts";
import { until } from "../support/wait.ts";
import { INPUT, newLine } from "./line.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

function lineOf(...said: Parameters<ReturnType<typeof newLine>["says"]>): ReturnType<typeof newLine> {
  const line = newLine();
  line.says(...said);
  return line;
}

/** The process of the user's command; `undefined` when it was ended before it could say so. */
const pidIn = (home: string): number | undefined => Number(readIfThere(join(home, "pid")) ?? 0) || undefined;

describe("the user's own status line", () => {
  test.each<[string, string, string[]]>([
    ["of one row shares it", "echo mine", ["mine  CCT:dd5c"]],
    ["without an end of line", "printf mine", ["mine  CCT:dd5c"]],
    ["of several rows", "printf 'one\\ntwo\\n'", ["one", "two", "CCT:dd5c"]],
    ["with blank rows between", "printf 'one\\n\\ntwo\\n\\n\\n'", ["one", "", "two", "CCT:dd5c"]],
    ["with blanks before and after", "printf '  one  '", ["  one    CCT:dd5c"]],
    ["that says nothing", ":", ["CCT:dd5c"]],
    ["that fails", "echo half; exit 3", ["CCT:dd5c"]],
    ["that is not there", "/nowhere/line --x", ["CCT:dd5c"]],
    ["that is no shell", "if then", ["CCT:dd5c"]],
    ["that complains", "echo mine; echo trouble >&2", ["mine  CCT:dd5c"]],
    ["that is killed", "kill -9 $$", ["CCT:dd5c"]],
    ["with quotes", `printf '%s' "it's" ' "x" $HOME \`id\` \\'`, [`it's "x" $HOME \`id\` \\  CCT:dd5c`]],
    ["of several commands", "cd / && pwd; echo two | tr a-z A-Z", ["/", "TWO", "CCT:dd5c"]],
    ["in colours", "printf '\\033[1;31mred\\033[0m'", ["\u001b[1;31mred\u001b[0m  CCT:dd5c"]],
    ["that needs its exit status to say 0", "echo 0; (exit 0)", ["0  CCT:dd5c"]],
  ])("%s", async (_, theirs, rows) => {
    expect(await lineOf().rows({ theirs })).toEqual(rows);
  });

  test("gets all that the host says of the session", async () => {
    expect(await lineOf().rows({ theirs: "cat", columns: 200 })).toEqual([`${INPUT}  CCT:dd5c`]);
  });

  test("has the locale and width that the host set", async () => {
    const env = { LC_ALL: "C.UTF-8", LANG: "C.UTF-8" };
    const theirs = `echo "$LC_ALL $LANG $COLUMNS \${CLAUDE_PID}"`;
    expect(await lineOf().rows({ theirs, env, columns: 100 })).toEqual(["C.UTF-8 C.UTF-8 100 4242424  CCT:dd5c"]);
  });

  test("gets a row of its own if both do not fit on one", async () => {
    const line = lineOf({ unread: 3 });
    const theirs = "printf '%060d' 7";
    const wide = await line.rows({ theirs, columns: 90 });
    expect(wide).toHaveLength(1);
    expect(await line.rows({ theirs, columns: 70 })).toEqual([`${"0".repeat(59)}7`, "CCT:dd5c ✉3"]);
    // What takes no room is not counted: colours, and the address of a link.
    const link = `printf '\\033]8;;https://example.org/%060d\\033\\\\text\\033]8;;\\a \\033[38;5;200mred\\033[0m' 7`;
    expect(await line.rows({ theirs: link, columns: 60 })).toHaveLength(1);
    // What takes two columns a letter counts as that.
    const [first, second] = await line.rows({ theirs: "printf '日本語の名前です日本語の名前です'", columns: 48 });
    expect([first, second]).toEqual(["日本語の名前です日本語の名前です", "CCT:dd5c ✉3"]);
  });

  test("that takes too long is dropped and ended", async () => {
    const line = lineOf();
    // It would never end by itself: nobody writes to that pipe.
    const pipe = join(line.home, "pipe");
    execFileSync("mkfifo", [pipe]);
    const theirs = `echo $$ >'${line.home}/pid'; echo begun; exec cat <>'${pipe}'`;
    expect(await line.run({ theirs })).toMatchObject({ status: 0, stdout: "CCT:dd5c\n", stderr: "" });
    const pid = pidIn(line.home);
    await until("the slow command has ended", () => pid === undefined || !isAlive(pid));
  });

  test("ends when the host gives up on the line", async () => {
    const line = lineOf();
    const file = join(line.home, "pid");
    const theirs = `echo $$ >'${file}'; exec sleep 60`;
    // It gives up once the command runs.
    const host = `"$@" <&0 & until [[ -s '${file}' ]]; do sleep 0.05; done; kill $!; wait $!`;
    await line.run({ theirs, within: (command) => ["bash", "-c", host, "host", ...command] });
    const pid = pidIn(line.home) ?? 0;
    expect(pid).toBeGreaterThan(0);
    await until("the command has ended", () => !isAlive(pid));
  });

  test("is shown beside every state of CCT", async () => {
    const line = newLine();
    expect(await line.rows({ theirs: "echo mine" })).toEqual(["mine  CCT:—"]);
  });
});
