// Makes docs/images/two-sessions.svg from a real run: two sessions of the real Claude Code, a real broker, and a model
// whose words are scripted. Needs what the tests with the real host need (Linux, network namespaces, tmux).
//   npm run picture
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { load } from "./picture/load.mjs";

process.chdir(join(fileURLToPath(import.meta.url), "../.."));
const { COLUMNS, record, draw } = await load(["record", "svg"]);

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
