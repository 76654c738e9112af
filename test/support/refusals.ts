/** Pools in all states, for tests of what is refused, and the check that a refusal changes nothing. */
import { expect } from "vitest";
import type { OperationName } from "../../src/operations/index.ts";
import { ok, refused } from "./api.ts";
import { startBroker, type TestBroker } from "./broker.ts";
import { newPeer, stayAlive, type TestPeer } from "./peers.ts";
import { everything } from "./pools.ts";

export interface RefusalSetup {
  broker: TestBroker;
  /** Lead of `own` and of the archived `over`. */
  ann: TestPeer;
  /** The other member of both; busy. */
  ben: TestPeer;
  /** Lead of `foreign`. The offline peer `gone` is a member of `own` and `foreign`. */
  zoe: TestPeer;
  /** Proposals: open and rejected ones in `own`, an open one in `foreign`. */
  open: string;
  decided: string;
  foreign: string;
  /** Expects a refusal with this status and these words in message or hint, and that nothing has changed. */
  refusedWith(
    status: number,
    words: RegExp,
    operation: OperationName,
    input: unknown,
    as: TestPeer | undefined,
  ): Promise<void>;
}

export async function setUpRefusals(): Promise<RefusalSetup> {
  // Tests register hundreds of peers in a moment.
  const broker = await startBroker();
  const [ann, ben, zoe] = [await newPeer(broker, "ann"), await newPeer(broker, "ben"), await newPeer(broker, "zoe")];
  stayAlive(broker, ann, ben, zoe);
  const gone = await newPeer(broker, "gone");
  for (const name of ["own", "over"]) {
    await ok(broker, "create_pool", { name, purpose: `of ann, ${name}` }, ann);
    await ok(broker, "join_pool", { pool: name }, ben);
  }
  await ok(broker, "join_pool", { pool: "own" }, gone);
  await ok(broker, "archive_pool", { pool: "over" }, ann);
  await ok(broker, "create_pool", { name: "foreign", purpose: "of zoe" }, zoe);
  await ok(broker, "join_pool", { pool: "foreign" }, gone);
  const propose = async (pool: string, peer: string, as: TestPeer): Promise<string> =>
    (await ok(broker, "propose_release", { pool, peer, reason: "done" }, as)).proposal_id;
  const open = await propose("own", "ben", ann);
  const decided = await propose("own", "ann", ben);
  await ok(broker, "decide_release", { proposal_id: decided, decision: "rejected" });
  const foreign = await propose("foreign", "gone", zoe);
  await ok(broker, "unregister", { host_pid: gone.place.host_pid }, gone);
  await ok(broker, "set_busy", { reason: "writing", estimate_seconds: 3600 }, ben);
  return {
    broker,
    ann,
    ben,
    zoe,
    open,
    decided,
    foreign,
    async refusedWith(status, words, operation, input, as) {
      const before = await everything(broker);
      const error = await refused(broker, operation, input, as);
      expect({ status: error.status, says: `${error.message} ${error.hint}` }).toEqual({
        status,
        says: expect.stringMatching(words),
      });
      expect(await everything(broker)).toEqual(before);
    },
  };
}
