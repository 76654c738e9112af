/** Listings of commands: all pages, unless somebody asks for one. */
import { beforeAll, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { success } from "../support/cct.ts";
import { personWithBroker } from "./person.ts";

const PAGE = 10;
let me: Awaited<ReturnType<typeof personWithBroker>>;
beforeAll(async () => {
  me = await personWithBroker(() => startBroker({ env: { CCT_LISTING_PAGE: String(PAGE) } }));
  for (let i = 0; i <= PAGE; i++) await ok(me.broker, "create_pool", { name: `pool-${i}`, purpose: "many" });
});

test("a command shows everything, however many pages that takes", async () => {
  expect(
    success(await me.cct("pools"))
      .trim()
      .split("\n"),
  ).toHaveLength(1 + PAGE + 1);
  const { pools, next } = JSON.parse(success(await me.cct("pools", "--json")));
  expect(pools).toHaveLength(PAGE + 1);
  expect(next).toBeUndefined();
});

test("with a limit it shows one page, and how to go on", async () => {
  const first = await me.cct("pools", "--limit", "3");
  expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/^There are more: --after \S+\n$/) });
  const after = first.stderr.trim().split(" ").at(-1) ?? "";
  const second = JSON.parse(success(await me.cct("pools", "--limit", "3", "--after", after, "--json")));
  expect(second.pools.map((pool: { name: string }) => pool.name)).not.toContain(`pool-${PAGE}`);
  expect(second.pools).toHaveLength(3);
});
