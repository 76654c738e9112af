/**
 * The files of the page, as the build made them: compressed once, with names that change with their content. They are read
 * when the first browser asks, and stay in memory: an upgrade that replaces them must not mix two versions.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { CctError } from "../../platform/errors.ts";
import type { BytesAnswer } from "./responder.ts";

const TYPES: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  woff2: "font/woff2",
  txt: "text/plain; charset=utf-8",
};
/** Encodings by the ending of their files, the smallest first. */
const ENCODINGS = [
  ["br", ".br"],
  ["gzip", ".gz"],
] as const;
/** A year: the content behind such a name never changes. */
const FOREVER = "public, max-age=31536000, immutable";

export interface PageFiles {
  /** The document of every view. */
  document(): BytesAnswer;
  /** Throws `not_found`. `accepted`: the header `accept-encoding`. */
  file(name: string, accepted: string | undefined): BytesAnswer;
}

export function createPageFiles(folder: string): PageFiles {
  let files: Map<string, Buffer> | undefined;

  function read(): Map<string, Buffer> {
    if (files) return files;
    try {
      files = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
      return files;
    } catch {
      throw new CctError("not_found", "This broker has no page: its files are missing.", "Install CCT again.");
    }
  }

  return {
    document() {
      const bytes = read().get("index.html");
      if (!bytes) throw noSuchFile("index.html");
      return { bytes, contentType: typeOf("index.html"), headers: { "cache-control": "no-store" } };
    },
    file(name, accepted = "") {
      const all = read();
      const answer = (bytes: Buffer, headers: Record<string, string>): BytesAnswer => ({
        bytes,
        contentType: typeOf(name),
        headers: { "cache-control": FOREVER, vary: "accept-encoding", ...headers },
      });
      for (const [encoding, ending] of ENCODINGS) {
        const bytes = all.get(`${name}${ending}`);
        if (bytes && accepts(accepted, encoding)) return answer(bytes, { "content-encoding": encoding });
      }
      const plain = all.get(name);
      if (plain && name !== "index.html") return answer(plain, {});
      const compressed = all.get(`${name}.gz`);
      if (compressed) return answer(gunzipSync(compressed), {});
      throw noSuchFile(name);
    },
  };
}

const accepts = (header: string, encoding: string): boolean =>
  header.split(",").some((part) => part.trim().split(";", 1)[0] === encoding && !/;\s*q=0(?:\.0*)?\s*$/.test(part));

const typeOf = (name: string): string => TYPES[name.split(".").at(-1) ?? ""] ?? "application/octet-stream";

const noSuchFile = (name: string): CctError =>
  new CctError("not_found", `The page has no file '${name.slice(0, 80)}'.`, "Reload the page.");
