/** What a delivery costs a session's disk. */
import { renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { startHost } from "../support/host.ts";
import { canTrace, notRun } from "../support/not-run.ts";
import { countCalls } from "../support/strace.ts";
import { until } from "../support/wait.ts";

const DELIVERIES = 10;
/** About 55. */
const MOST_OPENED = 110;
/** For so long it is watched while nothing more comes: a session looks at its files about every second. */
const IDLE_MS = 5_000;

function isMoved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

const NAME = "a delivery opens few files";
test.skipIf(!canTrace() && notRun(NAME, "needs strace that may attach to processes"))(NAME, async () => {
  const broker = await startBroker();
  const ann = await startHost(broker.home, "ann");
  await ann.ready();
  await ann.hook("UserPromptSubmit");
  const server = ann.serverPid();
  const opened = await countCalls(server, "openat");
  const began = performance.now();
  for (let i = 0; i < DELIVERIES; i++) {
    const { message_id } = await ok(broker, "send_message", { to: "ann", text: `note ${i}` });
    const file = (stage: string): string => join(ann.spool, `${stage}.test-${i}`);
    await until("the mail is taken", () => isMoved(join(ann.spool, "mail"), file("taken")));
    renameSync(file("taken"), file("read"));
    await until("it is read", async () => {
      const { recipients } = await ok(broker, "message_status", { message_id });
      return recipients[0]?.state === "read";
    });
  }
  const elapsed = performance.now() - began;
  const all = await opened.end();
  // What the time costs by itself while mail is under way, however slow this machine is.
  await ok(broker, "send_message", { to: "ann", text: "nobody takes it" });
  await ann.mail();
  const idle = await countCalls(server, "openat");
  const since = performance.now();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const perMs = (await idle.end()) / (performance.now() - since);
  expect((all - perMs * elapsed) / DELIVERIES).toBeLessThan(MOST_OPENED);
});
