/** The source files of the program, and the imports in them. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { root } from "./folders.ts";

export interface Import {
  from: string;
  onlyTypes: boolean;
}

export function withoutComments(code: string): string {
  return code.replace(/^\s*\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}

/** Static, dynamic, re-exporting and type imports, and `require`. */
export function importsOf(code: string): Import[] {
  const statements = code.matchAll(/^(import|export)( type\b)?(?: [^"';]*? from)? "([^"\n]+)"/gm);
  const calls = code.matchAll(/\b(?:import|require)\("([^"\n]+)"\)/g);
  return [
    ...[...statements].map(([, , type, from = ""]) => ({ from, onlyTypes: type !== undefined })),
    ...[...calls].map(([, from = ""]) => ({ from, onlyTypes: false })),
  ];
}

/** The package of a module: `@scope/name/sub/path` → `@scope/name`. Modules of node stay as they are. */
export function packageOf(from: string): string {
  if (from.startsWith("node:")) return from;
  return from
    .split("/")
    .slice(0, from.startsWith("@") ? 2 : 1)
    .join("/");
}

/** The files of src/, by their paths below it, without comments. */
export const sources = (): { name: string; code: string }[] =>
  readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => ({ name, code: withoutComments(readFileSync(join(root, "src", name), "utf8")) }));

/** The path of what a file imports from `./…` or `../…`. */
export const besideOf = (file: string, from: string): string => normalize(join(dirname(file), from));
