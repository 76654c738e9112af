import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { call, ok, refusal } from "../support/api.ts";
import { seenBy, spawnBroker } from "../support/broker.ts";
import { onPostgres } from "../support/database.ts";
import { fill, tempHome } from "../support/folders.ts";
import { canMount, notRun, withOwnDisk } from "../support/not-run.ts";
import { allTexts, newPeer } from "../support/peers.ts";

const FULL = "a broker whose disk is full says so to each sender, keeps what it has, and goes on once there is space";

test.skipIf(onPostgres || (!canMount() && notRun(FULL, "needs Linux, root and mount namespaces")))(FULL, async () => {
  const home = tempHome();
  const broker = await spawnBroker({ home, within: (command) => withOwnDisk(dirname(home), "4m", command) });
  const peer = await newPeer(broker, "b");
  await ok(broker, "send_message", { to: "b", text: "before" });

  const filler = seenBy(broker.pid, join(dirname(home), "filler"));
  fill(filler);
  // A small message may still fit into an existing page; large ones do not.
  const large = { to: "b", text: "x".repeat(60_000) };
  const refused = await Promise.all(Array.from({ length: 5 }, () => call(broker, "send_message", large)));
  for (const answer of refused) expect(refusal(answer)).toMatchObject({ status: 507, code: "store_full" });
  expect(await allTexts(broker)).toEqual(["before"]);
  expect((await ok(broker, "list_peers", {}, peer)).peers).toHaveLength(1);

  rmSync(filler);
  await ok(broker, "send_message", { ...large, text: `${large.text.slice(1)}!` });
  expect(await allTexts(broker)).toEqual(["before", `${large.text.slice(1)}!`]);
  expect(await broker.stop("SIGTERM")).toEqual({ code: 0, signal: null });
});
