/** Who loses a stream of the feed when there are too many readers. */
import { expect, test } from "vitest";
import { MAX_READERS, MAX_READERS_OF_DEVICE, readerToClose } from "../../src/rules/feed.ts";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { openFeed } from "../support/feed.ts";

test("a device that opens many feeds ends its own oldest, never the operator's or another device's", async () => {
  const broker = await startBroker();
  const device = async (name: string) => ok(broker, "add_device", { name, scope: "read" });
  const [greedy, modest] = [await device("greedy"), await device("modest")];
  const ended: string[] = [];
  const open = async (name: string, token: string) => {
    const feed = await openFeed({ ...broker, token });
    void feed.ended.then(() => ended.push(name));
    return feed;
  };
  const operators = await open("operator", broker.token);
  await open("modest", modest.token);
  const first = await open("first", greedy.token);
  for (let n = 0; n < MAX_READERS; n++) await open("greedy", greedy.token);
  await first.ended;
  const { pool } = await ok(broker, "create_pool", { name: "yard", purpose: "x" });
  await operators.find(
    "what happens later",
    ({ pools }) => pools?.some((one) => one.pool_id === pool.pool_id) === true,
  );
  expect(ended).not.toContain("operator");
  expect(ended).not.toContain("modest");
});

test("many devices together end no feed of the home, and none of a device that has fewer", () => {
  let readers = [{ device: undefined }, { device: "modest" }] as { device: string | undefined }[];
  for (let n = 0; n < 20 * MAX_READERS_OF_DEVICE; n++) {
    readers.push({ device: `greedy ${n % 20}` });
    const surplus = readerToClose(readers);
    readers = readers.filter((one) => one !== surplus);
  }
  expect(readers).toHaveLength(MAX_READERS + 1);
  expect(readers.slice(0, 2).map(({ device }) => device)).toEqual([undefined, "modest"]);
});
