// Prints the software bill of materials (CycloneDX, JSON) of what a user installs:
//   npm run --silent sbom > cct.cdx.json
// The bundled packages are development dependencies, so `npm sbom --omit dev` would miss them and `npm sbom` would list
// the test tools too. This keeps the packages that are in the bundles, and those that npm installs beside them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SEPARATOR } from "./licences.mjs";

const root = join(fileURLToPath(import.meta.url), "../..");

const bundled = new Set(
  readFileSync(join(root, "dist/THIRD_PARTY_LICENSES.txt"), "utf8")
    .split(SEPARATOR)
    .map((entry) => entry.split(" ", 2).join("@")),
);

const npmSbom = (...flags) =>
  JSON.parse(
    execFileSync("npm", ["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "application", ...flags], {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 64 << 20,
    }),
  );

const all = npmSbom();
const installed = new Set(npmSbom("--omit", "dev").components.map((component) => component["bom-ref"]));
const components = all.components.filter(
  (component) => bundled.has(component["bom-ref"]) || installed.has(component["bom-ref"]),
);
const refs = new Set([all.metadata.component["bom-ref"], ...components.map((component) => component["bom-ref"])]);
const dependencies = all.dependencies
  .filter(({ ref }) => refs.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }));

// npm names the root after its folder, and calls bundled packages development dependencies.
const { name } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
Object.assign(all.metadata.component, { name });
for (const component of components) {
  if (bundled.has(component["bom-ref"])) component.properties = [{ name: "cdx:npm:package:bundled", value: "true" }];
}

const missing = [...bundled].filter((ref) => !refs.has(ref));
if (missing.length > 0) throw new Error(`bundled, but not known to npm: ${missing.join(", ")}. Run npm install.`);

console.log(JSON.stringify({ ...all, components, dependencies }, null, 2));
