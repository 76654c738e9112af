/** What only sessions of other hosts than Claude Code need: a file of its own, so that the others do not load it. */
import { join } from "node:path";
import type { Host } from "../hosts/host.ts";
import { writeWhole } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import { createDoorbell } from "./doorbell.ts";
import type { Spool } from "./spool.ts";
import { createWaker, type Waker } from "./waker.ts";

export { hostNamed } from "../hosts/index.ts";
export { leftAlone } from "./terminal.ts";

/** What wakes the sessions of a host, if anything does. */
export function wakerFor(world: World, host: Host, spool: Spool): Waker | undefined {
  const { wake, ring } = host;
  if (host.serverNamesConversation) begin(host, world, spool);
  if (wake) return createWaker(world, wake, spool);
  return ring && createDoorbell(world, (conversation) => ring(world, conversation), spool);
}

/** No hook has told the conversation yet, in which nothing has happened since the host began or continued it. */
function begin({ sessionVariable = "" }: Host, { env, newId }: World, spool: Spool): void {
  const conversation = env[sessionVariable];
  try {
    // A tool that ends proves that all of its request have begun.
    writeWhole(join(spool.folder, "batches"), "", newId());
    if (conversation === undefined || (conversation === spool.sessionId() && spool.state() !== undefined)) return;
    spool.write("session", conversation);
    spool.writeState("idle");
  } catch {
    // The disk is full. Hooks tell it later.
  }
}
