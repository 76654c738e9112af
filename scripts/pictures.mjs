// Takes the pictures of README and documentation: the page and `cct watch`, from a made-up hour with a fixed clock. Needs
// Debian's Chromium and tmux. Two real sessions of Claude Code are recorded by `npm run picture`.
//   npm run pictures                 into docs/images
//   npm run pictures -- <folder>     elsewhere
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { load } from "./picture/load.mjs";

const root = join(fileURLToPath(import.meta.url), "../..");
process.chdir(root);
const [folder = "docs/images"] = process.argv.slice(2);

const { playScene, takePictures, takeTerminal } = await load(["scene", "page", "terminal"]);
const home = mkdtempSync(join(tmpdir(), "cct-pictures-"));
const scene = await playScene(root, join(home, "home"));
try {
  mkdirSync(folder, { recursive: true });
  console.log(await takeTerminal(scene, root, folder));
  for (const file of await takePictures(scene, folder, process.env.CCT_TEST_CHROMIUM ?? "/usr/bin/chromium"))
    console.log(file);
} finally {
  await scene.close();
  rmSync(home, { recursive: true, force: true });
}
