// Makes the page's font: Inter (SIL Open Font License 1.1), Latin and Latin Extended-A, weights 400 to 650. 48 KB become 28.
// Its parts are not among the project's packages, because the result is checked in:
//   npm install --no-save subset-font @fontsource-variable/inter && node scripts/font.mjs
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const { default: subsetFont } = await import("subset-font");

const root = join(fileURLToPath(import.meta.url), "../..");
const inter = join(root, "node_modules/@fontsource-variable/inter");
const range = (from, to) => Array.from({ length: to - from }, (_, i) => String.fromCharCode(from + i)).join("");
const text = `${range(0x20, 0x7f)}${range(0xa0, 0x180)}–—‘’“”…•·→←↑↓↳↔×−≥≤≈✓€‹›⌘⏎\u202f`;
const whole = await readFile(join(inter, "files/inter-latin-wght-normal.woff2"));
const weights = { wght: { min: 400, max: 650, default: 400 } };
const cut = await subsetFont(whole, text, { targetFormat: "woff2", variationAxes: weights });
await writeFile(join(root, "src/page/font/inter.woff2"), cut);
await copyFile(join(inter, "LICENSE"), join(root, "src/page/font/inter-license.txt"));
