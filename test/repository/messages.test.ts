/** docs/troubleshooting.md quotes error messages that the program prints. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/folders.ts";
import { repositoryFiles } from "./markdown.ts";

/** Shorter parts of a message say nothing. */
const SHORTEST = 8;

test("messages in docs/troubleshooting.md are in the source, word by word", () => {
  const source = repositoryFiles("src")
    .map((path) => readFileSync(join(root, path), "utf8"))
    .join("\n");
  const page = readFileSync(join(root, "docs/troubleshooting.md"), "utf8");
  const section = page.slice(page.indexOf("## Commands fail"), page.indexOf("## Reporting a bug"));
  const quoted = [...section.matchAll(/^\| ([^|]*)\|/gm)].flatMap(([, cell = ""]) => cell.match(/`[^`]+`/g) ?? []);
  // "…" stands for what differs each time.
  const parts = quoted.flatMap((text) => text.slice(1, -1).split("…")).map((part) => part.trim());
  expect(parts.length).toBeGreaterThan(10);
  expect(parts.filter((part) => part.length >= SHORTEST && !source.includes(part))).toEqual([]);
});
