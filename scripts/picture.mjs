// Makes docs/images/two-sessions.svg from a real run: two sessions of the real Claude Code, a real broker, and a model
// whose words are scripted. Needs what the tests with the real host need (Linux, network namespaces, tmux).
//   npm run picture
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = join(fileURLToPath(import.meta.url), "../..");
process.chdir(root);

// In dist/, because the recorder looks for package.json above its own file.
const bundle = join(root, "dist", `.picture.${process.pid}.mjs`);
process.on("exit", () => rmSync(bundle, { force: true }));
await build({
  stdin: {
    contents: 'export { COLUMNS, record } from "./record.ts"; export { draw } from "./svg.ts";',
    resolveDir: join(root, "scripts", "picture"),
  },
  outfile: bundle,
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  logLevel: "warning",
});
const { COLUMNS, record, draw } = await import(pathToFileURL(bundle).href);

const screens = await record();
if (typeof screens === "string") {
  console.error(`No picture: ${screens}.`);
  process.exit(1);
}
const description =
  "Two Claude Code sessions. web tells api that it changes a file; api gets the message beside its test run and answers; the answer wakes web. Below, the command line shows both messages as read.";
mkdirSync("docs/images", { recursive: true });
writeFileSync("docs/images/two-sessions.svg", draw(screens, COLUMNS, description));
console.log("docs/images/two-sessions.svg");
