/**
 * A process that takes a lock again and again, for the lock's test: `locker.mjs <lock> <rounds>`. It dies while it holds
 * the lock in its last round, so the next process finds a stale one. Exits with 3 when another process is inside as well.
 */
import { rmSync, writeFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { tryLock } from "../../src/platform/lock.ts";

const [path = "", rounds = "1"] = process.argv.slice(2);
let ids = 0;
const me = { pid: process.pid, newId: () => `${process.pid}.${ids++}` };

for (let round = 1; round <= Number(rounds); round++) {
  while (tryLock(path, me) !== undefined) await sleep(1);
  try {
    writeFileSync(`${path}.inside`, "", { flag: "wx" });
  } catch {
    writeSync(1, "another process is inside\n");
    process.exit(3);
  }
  rmSync(`${path}.inside`);
  if (round === Number(rounds)) process.kill(process.pid, "SIGKILL");
  rmSync(path);
}
