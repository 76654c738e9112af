/** The search for imports, on which the architecture test relies, and circles of imports. */
import { expect, test } from "vitest";
import { besideOf, importsOf, sources, withoutComments } from "./support/imports.ts";

test("the search for imports understands every form of import", () => {
  const code = `
import "./side-effect.ts";
import a from "./default.ts";
import { b, type C } from "./named.ts";
import {
  long,
  list,
} from "./lines.ts";
import * as d from "./all.ts";
import type { E } from "./type.ts";
import data from "./data.json" with { type: "json" };
export { f } from "./again.ts";
export type { G } from "./again-type.ts";
const h = await import("./dynamic.ts");
const i = require("package");
const no = "import x from 'nowhere'";
// import x from "./comment.ts";
type J = import("./inline.ts").J;
`;
  expect(importsOf(withoutComments(code))).toEqual([
    { from: "./side-effect.ts", onlyTypes: false },
    { from: "./default.ts", onlyTypes: false },
    { from: "./named.ts", onlyTypes: false },
    { from: "./lines.ts", onlyTypes: false },
    { from: "./all.ts", onlyTypes: false },
    { from: "./type.ts", onlyTypes: true },
    { from: "./data.json", onlyTypes: false },
    { from: "./again.ts", onlyTypes: false },
    { from: "./again-type.ts", onlyTypes: true },
    { from: "./dynamic.ts", onlyTypes: false },
    { from: "package", onlyTypes: false },
    { from: "./inline.ts", onlyTypes: false },
  ]);
});

test("files do not import each other in circles", () => {
  const imports = new Map(
    sources().map(({ name, code }) => {
      const own = importsOf(code).filter(({ from }) => from.startsWith("."));
      return [name, own.map(({ from }) => besideOf(name, from))];
    }),
  );
  const finished = new Set<string>();
  const visit = (name: string, path: string[]): string[] => {
    if (path.includes(name)) return [[...path.slice(path.indexOf(name)), name].join(" → ")];
    if (finished.has(name)) return [];
    const found = (imports.get(name) ?? []).flatMap((next) => visit(next, [...path, name]));
    finished.add(name);
    return found;
  };
  expect(imports.size).toBeGreaterThan(200);
  expect([...imports.keys()].flatMap((name) => visit(name, []))).toEqual([]);
});
