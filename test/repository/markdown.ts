/** Reads the Markdown pages of the repository: their links, and the anchors that a link may name. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import GithubSlugger from "github-slugger";
import { fromMarkdown } from "mdast-util-from-markdown";
import { toString as textOf } from "mdast-util-to-string";
import { visit } from "unist-util-visit";
import { root } from "../support/folders.ts";

interface Link {
  /** As written. */
  url: string;
  /** Path from the repository's root; undefined for another site. */
  path: string | undefined;
  anchor: string;
}

export interface Page {
  path: string;
  text: string;
  /** The first paragraph below the title. */
  opening: string;
  links: Link[];
  anchors: Set<string>;
}

/** Files that are in the repository, or would be after `git add`. */
export function repositoryFiles(...patterns: string[]): string[] {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "--deduplicate", "--", ...patterns], {
    cwd: root,
    encoding: "utf8",
  });
  return listed.split("\n").filter(Boolean).sort();
}

export function readPage(path: string): Page {
  const text = readFileSync(join(root, path), "utf8");
  return parsePage(path, text);
}

export function parsePage(path: string, text: string): Page {
  const tree = fromMarkdown(text);
  const slugger = new GithubSlugger();
  const anchors = new Set<string>();
  const urls: string[] = [];
  visit(tree, (node) => {
    if (node.type === "heading") anchors.add(slugger.slug(textOf(node)));
    if (node.type === "link" || node.type === "image" || node.type === "definition") urls.push(node.url);
    if (node.type === "html") {
      for (const [, , url = ""] of node.value.matchAll(/\b(href|src)="([^"]*)"/g)) urls.push(url);
      for (const [, id = ""] of node.value.matchAll(/<a (?:id|name)="([^"]*)"/g)) anchors.add(id);
    }
  });
  const title = tree.children.findIndex((node) => node.type === "heading");
  const opening = tree.children[title + 1];
  return { path, text, opening: opening ? textOf(opening) : "", links: urls.map((url) => linkOf(path, url)), anchors };
}

function linkOf(from: string, url: string): Link {
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) return { url, path: undefined, anchor: "" };
  const [path = "", anchor = ""] = url.split("#", 2).map(decodeURIComponent);
  return { url, path: path === "" ? from : normalize(join(dirname(from), path)), anchor };
}
