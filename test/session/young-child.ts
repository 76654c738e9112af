/** A process that keeps its young generation small, handles many messages, and prints how large it is then, in KiB. */
import { getHeapSpaceStatistics } from "node:v8";
import { keepYoungGenerationSmall } from "../../src/session/young-generation.ts";

await keepYoungGenerationSmall();
const line = JSON.stringify(Array.from({ length: 20 }, (_, n) => ({ n, text: "word ".repeat(40) })));
const kept: string[][] = [];
for (let i = 0; i < 6_000; i++) {
  kept.push(JSON.parse(line));
  if (kept.length > 500) kept.shift();
}
const space = getHeapSpaceStatistics().find((one) => one.space_name === "new_space");
process.stdout.write(`${(space?.space_size ?? 0) / 1024}\n`);
