/** The limit on registered peers, and how often all of them are counted for it. */
import { expect, test } from "vitest";
import { createPlaces } from "../../src/broker/http/places.ts";
import type { Store } from "../../src/store/store.ts";
import { openClockwork } from "../support/clockwork.ts";
import { newStore } from "../support/database.ts";
import { fill } from "../support/rows.ts";
import { rejectedBy } from "../support/thrown.ts";

test("many newcomers in a row do not make the broker count all peers each time, and the limit holds", async () => {
  const store = await newStore();
  const works = await openClockwork(undefined, store);
  await fill.peers(works, 90);
  let counts = 0;
  const counting: Store = {
    ...store,
    read: (work) => {
      counts++;
      return store.read(work);
    },
  };
  let time = works.now();
  const places = createPlaces({
    ...works.environment,
    store: counting,
    now: () => time,
    limits: { ...works.environment.limits, peers: 100 },
  });
  const register = async (): Promise<void> => {
    await places.requireOne();
    await works.newPeer("more");
  };
  for (let i = 0; i < 10; i++) await register();
  expect(counts).toBe(1);
  expect(await rejectedBy(register())).toMatchObject({ code: "rate_limited" });
  // What went meanwhile is noticed at once.
  await store.tx((sql) => sql("UPDATE peers SET removed_at = 1 WHERE name = 'peer-1'"));
  await register();
  expect(await rejectedBy(register())).toMatchObject({ code: "rate_limited" });
  // And what came by another broker, a little later.
  await store.tx((sql) => sql("UPDATE peers SET removed_at = 1 WHERE name IN ('peer-2', 'peer-3')"));
  await register();
  await works.newPeer("other");
  time += 5_000;
  expect(await rejectedBy(register())).toMatchObject({ code: "rate_limited" });
});
