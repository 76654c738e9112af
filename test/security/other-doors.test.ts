/** What opens to whom besides the operations (streams, `/health`), and what another machine sees of others. */
import { beforeAll, expect, test } from "vitest";
import { type Answer, type Credentials, call, ok, refusal, send } from "../support/api.ts";
import { openEvents } from "../support/events.ts";
import { openFeed } from "../support/feed.ts";
import { type Machines, startMachines } from "../support/machines.ts";

let { broker, tokens, ann, ben } = {} as Machines;
beforeAll(async () => {
  ({ broker, tokens, ann, ben } = await startMachines());
});

test("an event stream opens for peers and people, on machines that may post", async () => {
  const open = (token: string | undefined, as?: Credentials): Promise<Answer> =>
    send(broker, {
      method: "GET",
      path: "/events",
      as,
      headers: { authorization: token === undefined ? undefined : `Bearer ${token}` },
    });
  expect(refusal(await open(undefined, ann))).toMatchObject({ status: 401 });
  expect(refusal(await open(tokens.read, ann))).toMatchObject({ code: "forbidden" });
  expect(refusal(await open(tokens.read))).toMatchObject({ code: "forbidden" });
  for (const token of [tokens.post, broker.token]) await openEvents({ ...broker, token }, undefined);
  const { code } = await ok(broker, "invite_device", {});
  expect(refusal(await open(code, ann))).toMatchObject({ code: "forbidden" });
  expect(refusal(await open(tokens.post, { ...ann, secret: ben.secret }))).toMatchObject({ code: "unauthorized" });
});

test("the feed opens for people on any machine, not for peers", async () => {
  const open = (token: string | undefined, as?: Credentials): Promise<Answer> =>
    send(broker, {
      method: "GET",
      path: "/feed",
      as,
      headers: { authorization: token === undefined ? undefined : `Bearer ${token}` },
    });
  expect(refusal(await open(undefined))).toMatchObject({ status: 401 });
  expect(refusal(await open(broker.token, ann))).toMatchObject({ code: "forbidden" });
  expect(refusal(await open(tokens.read, ann))).toMatchObject({ code: "forbidden" });
  expect(refusal(await open((await ok(broker, "invite_device", {})).code))).toMatchObject({ code: "forbidden" });
  for (const token of [broker.token, tokens.admin, tokens.post, tokens.read]) {
    const feed = await openFeed({ ...broker, token });
    await feed.find("its beginning", (batch) => batch.look_again === true);
  }
});

test("a person at another machine sees what a stranger to all pools sees", async () => {
  await ok(broker, "create_pool", { name: "front", purpose: "for all to see" }, ann);
  await ok(broker, "create_pool", { name: "secret", purpose: "for few to see", private: true }, ann);
  for (const token of [tokens.read, tokens.post]) {
    const { pools } = await ok({ ...broker, token }, "list_pools", {});
    const front = pools.find((pool) => pool.name === "front");
    expect(front).toMatchObject({ purpose: "for all to see", size: 1 });
    expect(front).not.toHaveProperty("lead");
    expect(pools.map((pool) => pool.name)).not.toContain("secret");
    const { peers } = await ok({ ...broker, token }, "list_peers", {});
    expect(peers.flatMap((peer) => peer.pools)).toEqual([]);
    for (const pool of ["front", "secret"])
      expect([403, 404]).toContain((await call({ ...broker, token }, "list_peers", { pool })).status);
  }
});

test("without a token, /health says only that a broker runs, and every other route answers 401", async () => {
  const health = (token: string | undefined): Promise<Answer> =>
    send(broker, {
      method: "GET",
      path: "/health",
      headers: { authorization: token === undefined ? undefined : `Bearer ${token}` },
    });
  expect(await health(undefined)).toMatchObject({ status: 200, json: { ok: true } });
  expect((await health(undefined)).text).toBe('{"ok":true}');
  expect((await health("wrong")).text).toBe('{"ok":true}');
  const seen = (await health(tokens.read)).json;
  expect(seen).toMatchObject({ ok: true, version: expect.any(String) });
  expect(seen).not.toHaveProperty("pid");
  expect(seen).not.toHaveProperty("home");
  for (const path of ["/", "/api/", "/api/nothing", "/events", "/feed", "/metrics"])
    expect((await send(broker, { path, headers: { authorization: undefined } })).status).toBe(401);
  // It is POST /health: a wrong method on what everybody may ask.
  expect((await send(broker, { path: "/api/../health", headers: { authorization: undefined } })).status).toBe(405);
});

test("a person at another machine lists and finds only own messages, and a machine that only reads finds none", async () => {
  await ok(broker, "send_message", { to: "ben", text: "zebra between sessions" }, ann);
  await ok(broker, "send_message", { to: "ann", text: "zebra of the operator" });
  const post = { ...broker, token: tokens.post };
  await ok(post, "send_message", { to: "ann", text: "zebra of my own" });
  expect((await ok(post, "search", { query: "zebra" })).messages.map((one) => one.snippet)).toEqual([
    "zebra of my own",
  ]);
  expect((await ok(post, "search", { query: "zebra", from: "ann" })).messages).toEqual([]);
  expect((await ok(post, "messages", { with: "ben" })).messages).toEqual([]);
  expect((await ok(post, "messages", { grep: "zebra" })).messages).toHaveLength(1);
  const read = { ...broker, token: tokens.read };
  for (const operation of ["search", "messages"] as const)
    expect(refusal(await call(read, operation, operation === "search" ? { query: "zebra" } : {}))).toMatchObject({
      code: "forbidden",
    });
  expect((await ok({ ...broker, token: tokens.admin }, "search", { query: "zebra" })).messages).toHaveLength(3);
});
