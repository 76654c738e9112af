/** What only sessions of other hosts than Claude Code need: a file of its own, so that the others do not load it. */
import type { Host } from "../hosts/host.ts";
import type { World } from "../platform/world.ts";
import { createDoorbell } from "./doorbell.ts";
import type { Spool } from "./spool.ts";
import { createWaker, type Waker } from "./waker.ts";

export { hostNamed } from "../hosts/index.ts";

/** What wakes the sessions of a host, if anything does. */
export function wakerFor(world: World, { wake, ring }: Host, spool: Spool): Waker | undefined {
  if (wake) return createWaker(world, wake, spool);
  return ring && createDoorbell(world, (conversation) => ring(world, conversation), spool);
}
