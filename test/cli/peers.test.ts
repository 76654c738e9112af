/** The operator's commands for peers: list, rename, merge, forget. */
import { beforeAll, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { failure, success } from "../support/cct.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { personWithBroker } from "./person.ts";

let me: Awaited<ReturnType<typeof personWithBroker>>;
beforeAll(async () => {
  me = await personWithBroker();
});

async function awayPeer(name: string): Promise<TestPeer> {
  const peer = await newPeer(me.broker, name);
  await ok(me.broker, "unregister", { claude_pid: peer.place.claude_pid }, peer);
  return peer;
}

test("cct peers rename, merge and forget do so, and say what happened", async () => {
  const [api, old] = [await newPeer(me.broker, "my-app-2"), await awayPeer("api-old")];
  await ok(me.broker, "send_message", { to: old.name, text: "waits" });
  expect(success(await me.cct("peers", "rename", "my-app-2", "api"))).toBe("Renamed to api.\n");
  expect(success(await me.cct("peers", "merge", "api-old", "api"))).toBe(
    "Merged api-old into api: 1 message waited.\n",
  );
  expect(failure(await me.cct("peers", "forget", "api"))).toMatch(/api is a live session .*End that session first/);
  await awayPeer("gone");
  expect(success(await me.cct("peers", "forget", "gone"))).toBe("Forgot gone: no message waited.\n");
  const listed: { peers: { peer_id: string }[] } = JSON.parse(success(await me.cct("peers", "--json")));
  expect(listed.peers.map(({ peer_id }) => peer_id)).toEqual([api.peer_id]);
});

test("cct peers forget names what holds a peer, and forgets it with --force", async () => {
  const busy = await newPeer(me.broker, "needed");
  await ok(me.broker, "create_pool", { name: "front", purpose: "to test" }, busy);
  await ok(me.broker, "unregister", { claude_pid: busy.place.claude_pid }, busy);
  for (const text of ["one", "two"]) await ok(me.broker, "send_message", { to: "needed", text });
  expect(failure(await me.cct("peers", "forget", "needed"))).toMatch(
    /needed is still needed: 2 messages wait for it; it is in @front\. .*--force/,
  );
  expect(success(await me.cct("peers", "forget", "needed", "--force"))).toBe(
    "Forgot needed: 2 messages waited; it was in @front.\n",
  );
});

test("they take --json and --help, and a wrong word after cct peers is wrong usage", async () => {
  await awayPeer("as-json");
  const forgotten = JSON.parse(success(await me.cct("peers", "forget", "as-json", "--json")));
  expect(forgotten).toEqual({ peer_id: expect.any(String), name: "as-json", messages: 0, pools: [] });
  for (const words of [["rename"], ["merge"], ["forget"]])
    expect(success(await me.cct("peers", ...words, "--help"))).toContain(`cct peers ${words[0]}`);
  expect(success(await me.cct("peers", "--help"))).toMatch(/rename[\s\S]*merge[\s\S]*forget/);
  for (const words of [["remove", "api"], ["forget"], ["merge", "api"]])
    expect(await me.cct("peers", ...words)).toMatchObject({ code: 2, stdout: "" });
});
