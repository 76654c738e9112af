// Builds the page into dist/page/: files with a hash in their names, compressed here once and for all.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { build } from "esbuild";

const folder = "dist/page";
/** Where the broker serves them. */
const URL_OF_FILES = "/page/files/";
/** Fonts are compressed already. */
const COMPRESSED = /\.(?:js|css|svg)$/;

/** Answers with what was read and written. */
export async function buildPage() {
  await mkdir(folder, { recursive: true });
  const { outputFiles, metafile } = await build({
    entryPoints: { main: "src/page/main.tsx", page: "src/page/page.css", icon: "src/page/icon.svg" },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: "esm",
    minify: true,
    write: false,
    metafile: true,
    target: ["chrome123", "firefox121", "safari17.5"],
    jsx: "automatic",
    jsxImportSource: "preact",
    // virtua is written for React.
    alias: { react: "preact/compat", "react-dom": "preact/compat", "react/jsx-runtime": "preact/jsx-runtime" },
    define: { "process.env.NODE_ENV": '"production"' },
    loader: { ".woff2": "file", ".svg": "copy" },
    publicPath: URL_OF_FILES,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    logLevel: "warning",
  });
  const written = [];
  const write = async (name, bytes) => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    written.push(path);
  };
  const names = outputFiles.map(({ path }) => basename(path));
  for (const { path, contents } of outputFiles) {
    const name = basename(path);
    if (!COMPRESSED.test(name)) await write(name, contents);
    else
      for (const [ending, bytes] of Object.entries(await compressed(contents))) await write(`${name}${ending}`, bytes);
  }
  await write("index.html", await documentWith(names));
  await write("inter-license.txt", await readFile("src/page/font/inter-license.txt"));
  return { written, inputs: Object.keys(metafile.inputs) };
}

const withGzip = promisify(gzip);
const withBrotli = promisify(brotliCompress);

async function compressed(contents) {
  const options = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: contents.length } };
  return { ".gz": await withGzip(contents, { level: 9 }), ".br": await withBrotli(contents, options) };
}

/** The document, with the names that the files have now: `%main.js%` is `main-<hash>.js`. */
async function documentWith(names) {
  const template = await readFile("src/page/index.html", "utf8");
  return template.replaceAll(/%(\w+)\.(\w+)%/g, (_, name, ending) => {
    const found = names.find((one) => one.startsWith(`${name}-`) && one.endsWith(`.${ending}`));
    if (!found) throw new Error(`The page has no ${name}.${ending}.`);
    return `${URL_OF_FILES}${found}`;
  });
}
