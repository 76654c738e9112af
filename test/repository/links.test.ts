/** Links in the documentation lead somewhere, and every page can be found. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../support/folders.ts";
import { parsePage, readPage, repositoryFiles } from "./markdown.ts";

const pages = new Map(repositoryFiles("*.md").map((path) => [path, readPage(path)]));

/** What is wrong with a page's links. */
function broken(page: ReturnType<typeof readPage>): string[] {
  return page.links.flatMap(({ url, path, anchor }) => {
    if (path === undefined) return [];
    if (path.startsWith("..") || (path !== page.path && !existsSync(join(root, path)))) return [`${url}: no such file`];
    if (anchor === "") return [];
    const target = path === page.path ? page : pages.get(path);
    return target?.anchors.has(anchor) ? [] : [`${url}: no such heading`];
  });
}

describe("links", () => {
  test.each([...pages.values()])("of $path lead to files and headings that exist", (page) => {
    expect(broken(page)).toEqual([]);
  });

  test("that are broken are found", () => {
    const text = '# A b\n\n[x](#a-b) [x](#c) ![x](no.png)\n\n[r]: ../no.md\n\n<img src="img.svg"> [x](https://x.y)\n';
    expect(broken(parsePage("docs/x.md", text))).toEqual([
      "#c: no such heading",
      "no.png: no such file",
      "../no.md: no such file",
      "img.svg: no such file",
    ]);
  });
});

describe("pages of docs/", () => {
  test("can all be reached from README.md by links", () => {
    const reached = new Set(["README.md"]);
    for (const path of reached)
      for (const link of pages.get(path)?.links ?? [])
        if (link.path !== undefined && pages.has(link.path)) reached.add(link.path);
    expect([...pages.keys()].filter((path) => path.startsWith("docs/") && !reached.has(path))).toEqual([]);
  });

  test("name files of the repository that exist", () => {
    const named = [...pages.values()].flatMap(({ path, text }) =>
      [...text.matchAll(/`((?:src|test|scripts|plugin|migrations|examples|bench|docs)\/[\w./-]+)`/g)].map(
        ([, file = ""]) => ({ path, file }),
      ),
    );
    expect(named.filter(({ file }) => !existsSync(join(root, file)))).toEqual([]);
  });

  test("that code, examples and scripts name exist", () => {
    const files = repositoryFiles("src", "plugin", "examples", "scripts", "bench", "test", ".github", "package.json");
    const named = files
      .filter((file) => !file.startsWith("test/repository/") && existsSync(join(root, file)))
      .flatMap((file) => readFileSync(join(root, file), "utf8").match(/\bdocs\/[\w/-]+\.(?:md|json)\b/g) ?? []);
    expect([...new Set(named)].filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

test("the front page is short", () => {
  expect(readFileSync(join(root, "README.md"), "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(100);
});

test.each([...pages.keys()].filter((path) => /^docs\/[^/]+$/.test(path)))("%s says first whom it is for", (path) => {
  expect(pages.get(path)?.opening).toMatch(/^For /);
});

test("the glossary has each word once, in alphabetical order", () => {
  const words = [...(pages.get("docs/glossary.md")?.text ?? "").matchAll(/^- \*\*(.+?)\*\*/gm)].map(
    ([, word = ""]) => word,
  );
  expect(words.length).toBeGreaterThan(50);
  expect(words).toEqual([...new Set(words)].sort((a, b) => a.localeCompare(b, "en")));
});
