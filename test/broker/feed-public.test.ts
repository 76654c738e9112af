/** What another machine's feed shows: nothing that says who is in a private pool. */
import { expect, test } from "vitest";
import { batchOf } from "../../src/operations/support/feed-rows.ts";
import { peerRows } from "../../src/operations/support/overview-shapes.ts";
import { collect, nothingCollected } from "../../src/rules/feed.ts";
import { listedPeers } from "../../src/store/overview.ts";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { openClockwork } from "../support/clockwork.ts";
import { openFeed } from "../support/feed.ts";
import { newPeer, stayAlive } from "../support/peers.ts";

test("who is in a private pool shows neither by its members' rows nor by their mail", async () => {
  const broker = await startBroker();
  const ann = await newPeer(broker, "ann");
  const bob = await newPeer(broker, "bob");
  // That a session falls silent is told, too.
  stayAlive(broker, ann, bob);
  const { token } = await ok(broker, "add_device", { name: "reader", scope: "read" });
  const theirs = await openFeed({ ...broker, token });
  const full = await openFeed(broker);
  for (const feed of [theirs, full]) await feed.find("the beginning", (batch) => batch.look_again === true);
  const { pool } = await ok(broker, "create_pool", { name: "den", purpose: "hidden", private: true }, ann);
  await ok(broker, "invite_to_pool", { pool: "den", peer: "bob" }, ann);
  await full.find("bob's pool", ({ peers }) =>
    Boolean(peers?.some((one) => one.peer_id === bob.peer_id && one.pools.includes(pool.pool_id))),
  );
  await ok(broker, "send_message", { to: "@den", text: "to all members" }, ann);
  await full.find("the mail", ({ mail }) => (mail?.[bob.peer_id] ?? 0) > 0);
  await ok(broker, "create_pool", { name: "yard", purpose: "seen" }, ann);
  await theirs.find("the public pool", ({ pools }) => pools?.some((one) => one.name === "yard") === true);
  for (const field of ["peers", "gone", "mail"] as const)
    expect(theirs.batches.flatMap((batch) => Object.keys(batch[field] ?? {}))).toEqual([]);
  // Nor that something happened at all.
  expect(theirs.batches.filter((batch) => Object.keys(batch).length === 0)).toEqual([]);
});

test("the rows of a batch are read once, and another machine's are those of its overview", async () => {
  const works = await openClockwork();
  const { store } = works.environment;
  const [ann, bob] = [await works.newPeer("ann"), await works.newPeer("bob")];
  await works.call("create_pool", { name: "den", purpose: "x", private: true }, ann);
  await works.call("mute_peer", { peer: "ann" });
  const collected = nothingCollected();
  collect(collected, { what: "peer", id: ann.peer_id });
  collect(collected, { what: "membership", id: bob.peer_id });
  const statements: string[] = [];
  const batches = await store.read((sql) =>
    batchOf(
      (text, ...values) => {
        statements.push(text);
        return sql(text, ...values);
      },
      collected,
      works.now(),
    ),
  );
  expect(statements.filter((text) => text.includes("presence_spans"))).toHaveLength(1);
  expect(batches.all.peers?.map(({ name, pools, muted }) => [name, pools.length, muted !== undefined]).sort()).toEqual([
    ["ann", 1, true],
    ["bob", 0, false],
  ]);
  const seen = await store.read(async (sql) =>
    peerRows(sql, await listedPeers(sql, [ann.peer_id]), new Map(), "public", works.now()),
  );
  expect(batches.public).toEqual({ peers: seen });
});
