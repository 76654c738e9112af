// Collects the licence texts of the packages that esbuild put into the bundles.
import { readdir, readFile } from "node:fs/promises";

/** File names that hold a licence or a notice that must be passed on; licences first. */
const NAMES = [/^(licen[cs]e|copying)([.-].*)?$/i, /^(notice|copyrightnotice)(\..*)?$/i];
/** Shorter than any licence: such a text is a mistake. */
const SHORTEST = 400;
export const SEPARATOR = `\n${"-".repeat(80)}\n\n`;

/** The text of THIRD_PARTY_LICENSES.txt: one entry for each package that owns one of `files`. Throws when a package has no licence text. */
export async function licences(files) {
  const folders = files.map((file) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]).filter(Boolean);
  const entries = await Promise.all([...new Set(folders)].sort().map(entry));
  return entries.join(SEPARATOR);
}

async function entry(folder) {
  const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
  const text = (await fromFiles(folder)) || (await fromReadme(folder));
  if (text.length < SHORTEST) throw new Error(`${folder} ships no licence text; add one to scripts/licences.mjs.`);
  return `${name} ${version} (${license.replace(/^\((.*)\)$/, "$1")})\n\n${text}\n`;
}

async function fromFiles(folder) {
  const names = await readdir(folder);
  const chosen = NAMES.flatMap((pattern) => names.filter((name) => pattern.test(name)).sort());
  const texts = await Promise.all(chosen.map((name) => readFile(`${folder}/${name}`, "utf8")));
  return texts.map((text) => text.trim()).join("\n\n");
}

/** Some packages have their licence only as the last section of their README. */
async function fromReadme(folder) {
  const readme = await readFile(`${folder}/README.md`, "utf8").catch(() => "");
  return (/^#+\s*licen[cs]e\s*$([\s\S]*)/im.exec(readme)?.[1] ?? "").trim();
}
