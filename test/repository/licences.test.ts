/** What the bundles contain: a licence text for every package, and a bill of materials that lists all of them. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/folders.ts";

const entries = readFileSync(join(root, "dist/THIRD_PARTY_LICENSES.txt"), "utf8")
  .split(/\n-{80}\n\n/)
  .map((entry) => {
    const [, name = "", version = "", licence = "", text = ""] = /^(\S+) (\S+) \(([^)]+)\)\n\n(.*)$/s.exec(entry) ?? [];
    return { name, version, licence, text };
  });

test("every bundled package has its complete licence text", () => {
  expect(entries.length).toBeGreaterThan(20);
  const incomplete = entries.filter(({ text }) => !/WARRANT(Y|IES)/i.test(text) || !/copyright/i.test(text));
  expect(incomplete.map(({ name }) => name)).toEqual([]);
});

test("every bundled package has a licence that lets us ship it", () => {
  const permissive = ["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD"];
  const mayShip = (licence: string): boolean => licence.split(" OR ").some((one) => permissive.includes(one));
  expect(entries.filter(({ licence }) => !mayShip(licence))).toEqual([]);
});

test("the SBOM lists what is shipped and installed, and no test tools", () => {
  const sbom: { bomFormat: string; metadata: { component: { name: string } }; components: { name: string }[] } =
    JSON.parse(execFileSync(process.execPath, ["scripts/sbom.mjs"], { cwd: root, encoding: "utf8" }));
  expect(sbom.bomFormat).toBe("CycloneDX");
  expect(sbom.metadata.component.name).toBe("claude-code-talk");
  const names = sbom.components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(entries.map(({ name }) => name)));
  expect(names).not.toContain("vitest");
});
