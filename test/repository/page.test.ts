/** What a browser downloads of the page. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { root } from "../support/folders.ts";

const folder = join(root, "dist/page");
const names = readdirSync(folder);
const KIB = 1024;

/** The bytes of a file as a browser gets it. */
function sent(name: string): number {
  const file = names.includes(`${name}.br`) ? `${name}.br` : name;
  return statSync(join(folder, file)).size;
}

const textOf = (name: string): string =>
  brotliDecompressSync(readFileSync(join(folder, `${name}.br`))).toString("utf8");

/** What a script loads before it runs, with itself. */
function loaded(name: string, seen = new Set<string>()): Set<string> {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const [, next = ""] of textOf(name).matchAll(/(?:from|import)\s*"(?:\.|\/page\/files)\/([\w-]+\.js)"/g))
    loaded(next, seen);
  return seen;
}

const bytes = (all: Iterable<string>): number => [...all].reduce((sum, name) => sum + sent(name), 0);

test("before the first view: 75 KB at most", () => {
  const document = readFileSync(join(folder, "index.html"), "utf8");
  const named = [...document.matchAll(/\/page\/files\/([\w.-]+)"/g)].map(([, name = ""]) => name);
  const scripts = named.filter((name) => name.endsWith(".js")).flatMap((name) => [...loaded(name)]);
  expect(named).toHaveLength(4);
  expect(scripts.length).toBeGreaterThan(1);
  expect(bytes(new Set(["index.html", ...named, ...scripts]))).toBeLessThan(75 * KIB);
});

test("in all: 150 KB at most", () => {
  const all = names.filter((name) => name.endsWith(".br") || name.endsWith(".woff2") || name === "index.html");
  expect(bytes(all)).toBeLessThan(150 * KIB);
});

test("every script and style is there with both encodings, and they say the same", () => {
  const compressed = names.filter((name) => name.endsWith(".br"));
  expect(compressed.length).toBeGreaterThan(4);
  for (const name of compressed) {
    const plain = name.slice(0, -".br".length);
    expect(gunzipSync(readFileSync(join(folder, `${plain}.gz`))).toString("utf8")).toBe(textOf(plain));
  }
});
