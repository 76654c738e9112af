/** What users install: the program and the files it reads, and nothing else of this folder. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { readPage } from "../repository/markdown.ts";
import { root } from "../support/folders.ts";

const WANTED = [
  /^(package\.json|README\.md|CHANGELOG\.md|CONTRIBUTING\.md|SECURITY\.md|LICENSE)$/,
  /^docs\/[\w/-]+\.(md|json|svg|png)$/,
  /^examples\/[\w./-]+$/,
  /^dist\/bin\.js$/,
  /^dist\/(package|tools)\.json$/,
  /^dist\/(backup|broker|certificate|cli|codex-wake|metrics|move|opencode|others|pinned|postgres|qr|qwen-inbox|restore)\.mjs$/,
  /^dist\/(secrets|watch)\.mjs$/,
  /^dist\/chunks\/[\w-]+\.mjs$/,
  /^dist\/page\/(index\.html|inter-license\.txt|inter-\w+\.woff2|[\w-]+\.(js|css|svg)\.(br|gz))$/,
  /^dist\/THIRD_PARTY_LICENSES\.txt$/,
  // What the code of a single host loads.
  /^dist\/[a-z]+-[a-z]+\.mjs$/,
  /^migrations\/\d{4}_\w+\.sql$/,
  /^plugin\/(\.claude-plugin\/plugin\.json|\.mcp\.json|bin\/cct|hooks\/hooks\.json|hooks\/mail\.sh|skills\/cct\/SKILL\.md|statusline\/line\.sh)$/,
];

const pack = ["pack", "--dry-run", "--json", "--ignore-scripts", "--offline"];
const [packed]: { files: { path: string }[] }[] = JSON.parse(
  execFileSync("npm", pack, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
);
const paths = (packed?.files ?? []).map(({ path }) => path);

test("the package contains what it needs, and nothing else", () => {
  expect(paths.filter((path) => !WANTED.some((wanted) => wanted.test(path)))).toEqual([]);
  // Each line is there for something.
  for (const wanted of WANTED) expect(paths.some((path) => wanted.test(path))).toBe(true);
  for (const path of ["dist/bin.js", "dist/broker.mjs", "dist/cli.mjs", "plugin/hooks/mail.sh"])
    expect(paths).toContain(path);
});

test("links in a packed page lead to files in the package", () => {
  const pages = paths.filter((path) => path.endsWith(".md")).map(readPage);
  const missing = pages.flatMap((page) =>
    page.links
      .filter((link) => link.path !== undefined && !paths.some((path) => `${path}/`.startsWith(`${link.path}/`)))
      .map((link) => `${page.path}: ${link.url}`),
  );
  expect(missing).toEqual([]);
});
