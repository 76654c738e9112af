/**
 * Measures what CCT costs, each figure beside its floor from the same run.
 *
 *     npm run bench                     all
 *     npm run bench -- hook server      some
 *     npm run bench -- --json           as JSON
 *
 * Figures are shown, never asserted: it fails only when something could not be measured that should have been.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { cleanUp } from "./cleanup.mjs";
import { crowd } from "./crowd.mjs";
import { delivery } from "./delivery.mjs";
import { endurance } from "./endurance.mjs";
import { growth } from "./growth.mjs";
import { hook } from "./hook.mjs";
import { latency } from "./latency.mjs";
import { page } from "./page.mjs";
import { root } from "./product.mjs";
import { complete, machine, table } from "./report.mjs";
import { search } from "./search.mjs";
import { sends } from "./sends.mjs";
import { server } from "./server.mjs";
import { shared } from "./shared.mjs";
import { statusline } from "./statusline.mjs";
import { sustained } from "./sustained.mjs";
import { wake } from "./wake.mjs";

const benches = {
  hook,
  latency,
  statusline,
  delivery,
  sends,
  server,
  wake,
  growth,
  search,
  crowd,
  shared,
  endurance,
  sustained,
  page,
};
/** They take minutes, so they run only when they are named. */
const onlyNamed = ["growth", "search", "crowd", "shared", "endurance", "sustained", "page"];

const words = process.argv.slice(2);
const json = words.includes("--json");
const names = words.filter((word) => word !== "--json");
const unknown = names.find((name) => !Object.hasOwn(benches, name));
if (unknown !== undefined) {
  process.stderr.write(`There is no bench '${unknown}': ${Object.keys(benches).join(", ")}.\n`);
  process.exit(2);
}

/** Set by a signal. The bench that runs then ends, with or without its processes; a second signal ends all at once. */
let interrupted;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    interrupted = cleanUp();
  });
}

const before = machine(new Date().toISOString());

const built = spawnSync(process.execPath, [join(root, "scripts", "build.mjs")], { stdio: ["ignore", 2, 2] });
if (built.status !== 0) process.exit(1);

const figures = [];
for (const [name, bench] of Object.entries(benches)) {
  if (names.length > 0 ? !names.includes(name) : onlyNamed.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  try {
    figures.push(...(await bench()).map((figure) => complete({ bench: name, ...figure })));
  } catch (error) {
    if (interrupted) break;
    process.stderr.write(`${name} failed: ${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = 1;
  } finally {
    await cleanUp();
  }
  if (interrupted) break;
}
if (interrupted) {
  await interrupted;
  process.exit(130);
}

const after = machine(new Date().toISOString());
if (json) process.stdout.write(`${JSON.stringify({ ...after, load: [before.load, after.load], figures }, null, 2)}\n`);
else {
  process.stdout.write(`${table(figures)}\n`);
  process.stdout.write(
    `Node ${after.node}, ${after.platform}, ${after.cores} cores, load ${before.load} before and ${after.load} after, ${after.date}\n`,
  );
}
