/** docs/cli.md names every command that there is, and none that there is not. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { success } from "../support/cct.ts";
import { cctHere } from "../support/cct-here.ts";
import { root, tempFolder } from "../support/folders.ts";

/** The commands of a group, from its help. */
async function commandsOf(...group: string[]): Promise<string[]> {
  const help = success(await cctHere([...group, "--help"], { env: { HOME: tempFolder(), COLUMNS: "200" } }));
  const [listed = ""] = help.split("\nExample:\n");
  const names = [...listed.matchAll(/^ {2}([a-z][a-z-]*)(?= |$)(.*)/gm)].map(([, name = ""]) => name);
  return names.filter((name) => name !== "help");
}

test("docs/cli.md describes exactly the commands that cct offers", async () => {
  const groups = ["broker", "browser", "config", "device", "peers", "pool", "release", "service"];
  /** Groups that are commands themselves. */
  const both = ["peers"];
  const offered: string[] = [];
  for (const name of await commandsOf()) {
    if (groups.includes(name)) offered.push(...(await commandsOf(name)).map((one) => `${name} ${one}`));
    if (!groups.includes(name) || both.includes(name)) offered.push(name);
  }
  const page = readFileSync(join(root, "docs/cli.md"), "utf8");
  const words = [...page.matchAll(/`cct ([a-z][a-z-]*)(?: ([a-z]+))?/g)].map(([, first = "", second = ""]) =>
    groups.includes(first) && !(both.includes(first) && second === "") ? `${first} ${second}` : first,
  );
  // Started by Claude Code, and another name of `open`: not in the help.
  const described = [...new Set(words)].filter((name) => name !== "hook" && name !== "page").sort();
  expect(described).toEqual(offered.sort());
});
