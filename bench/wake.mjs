/**
 * How long mail takes to wake an idle session of the real Claude Code: from the answer to `cct send` to the woken
 * session's request to its model. The measurement is the host tests' own; it has no floor, since the time is the host's. Then
 * the wake by a session's model, from its request to that of the other, beside the host's own messages.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { atEnd } from "./cleanup.mjs";
import { root } from "./product.mjs";
import { median, quantile } from "./stats.mjs";

const TIMES = 20;
const OF_OTHERS = 10;

export async function wake() {
  const name = "idle wake in the real host";
  const source = join(root, "test", "host", "wake.ts");
  if (!existsSync(source)) return [{ name, notMeasured: "needs test/host/wake.ts" }];
  // TypeScript does not run on every Node that is supported.
  const bundle = join(root, "dist", `.wake.${process.pid}.mjs`);
  atEnd(() => rmSync(bundle, { force: true }));
  await build({
    entryPoints: [source],
    outfile: bundle,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    logLevel: "warning",
  });
  const { measureBeside, measureCodexWake, measureQwenWake, measureWake } = await import(pathToFileURL(bundle).href);
  const figures = [];
  for (const by of ["Waiter", "FileChanged"]) {
    const delays = await measureWake(TIMES, by);
    if (typeof delays === "string") return [{ name, notMeasured: `needs the real host: ${delays}` }];
    const goal = { limit: by === "Waiter" ? 0.5 : 1, of: "value" };
    const of = `${name}, by ${by} alone, of ${TIMES}`;
    figures.push({ name: `${of}: p50`, value: median(delays) / 1000, unit: "s", goal });
    figures.push({ name: `${of}: p95`, value: quantile(delays, 0.95) / 1000, unit: "s" });
  }
  const beside = await measureBeside(TIMES);
  if (typeof beside === "string") throw new Error(beside);
  return [
    ...figures,
    {
      name: `wake by another session's model, of ${TIMES} each by turns: p50`,
      value: median(beside.cct) / 1000,
      unit: "s",
      floor: median(beside.native) / 1000,
      floorName: "the host's own SendMessage",
      goal: { limit: 1.3, of: "ratio" },
    },
    ofOther("Qwen Code", await measureQwenWake(OF_OTHERS), "inbox", "a message written into its inbox"),
    ofOther("Codex", await measureCodexWake(OF_OTHERS), "daemon", "a turn asked for at its daemon's socket"),
  ];
}

/** `beside`: what was measured by turns with it. */
function ofOther(host, measured, beside, floorName) {
  const name = `idle wake in the real ${host}, of ${OF_OTHERS}: p50`;
  if (typeof measured === "string") return { name, notMeasured: `needs the real host: ${measured}` };
  return { name, value: median(measured.cct) / 1000, unit: "s", floor: median(measured[beside]) / 1000, floorName };
}
