/** The search for imports, on which the architecture test relies. */
import { expect, test } from "vitest";
import { importsOf, withoutComments } from "./support/imports.ts";

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
