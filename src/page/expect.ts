/** What to expect of mail before it is sent: in the words of the answer to a send. */
import { expectedOf, expectedOfPool } from "../rules/texts/before-sending.ts";
import type { Peer, Pool, Urgency } from "./types.ts";
import { now } from "./world.ts";

export const expectation = (peer: Peer, urgency: Urgency): string => expectedOf(peer, urgency, now.value);

export const poolExpectation = (pool: Pool, members: readonly Peer[], urgency: Urgency): string =>
  expectedOfPool(pool, members, urgency);
