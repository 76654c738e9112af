/** docs/cli.md names every command that there is, and none that there is not. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root, tempFolder } from "../support/folders.ts";

/** The commands of a group, from its help. */
function commandsOf(...group: string[]): string[] {
  const help = execFileSync(process.execPath, [join(root, "dist/bin.js"), ...group, "--help"], {
    encoding: "utf8",
    env: { ...process.env, HOME: tempFolder(), COLUMNS: "200" },
  });
  const [listed = ""] = help.split("\nExample:\n");
  const names = [...listed.matchAll(/^ {2}([a-z][a-z-]*)(?= |$)(.*)/gm)].map(([, name = ""]) => name);
  return names.filter((name) => name !== "help");
}

test("docs/cli.md describes exactly the commands that cct offers", () => {
  const groups = ["broker", "config", "device", "peers", "pool", "release", "service"];
  /** Groups that are commands themselves. */
  const both = ["peers"];
  const offered = commandsOf()
    .flatMap((name) => [
      ...(groups.includes(name) ? commandsOf(name).map((one) => `${name} ${one}`) : [name]),
      ...(both.includes(name) ? [name] : []),
    ])
    .sort();
  const page = readFileSync(join(root, "docs/cli.md"), "utf8");
  const words = [...page.matchAll(/`cct ([a-z][a-z-]*)(?: ([a-z]+))?/g)].map(([, first = "", second = ""]) =>
    groups.includes(first) && !(both.includes(first) && second === "") ? `${first} ${second}` : first,
  );
  // Started by Claude Code, and not in the help.
  const described = [...new Set(words)].filter((name) => name !== "hook").sort();
  expect(described).toEqual(offered);
});
