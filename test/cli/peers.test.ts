/** The operator's commands for peers: list, rename, merge, forget. */
import { existsSync, writeFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { paths } from "../../src/platform/home.ts";
import { ok } from "../support/api.ts";
import { failure, success } from "../support/cct.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";
import { personWithBroker } from "./person.ts";

let me: Awaited<ReturnType<typeof personWithBroker>>;
beforeAll(async () => {
  me = await personWithBroker();
});

async function awayPeer(name: string): Promise<TestPeer> {
  const peer = await newPeer(me.broker, name);
  await ok(me.broker, "unregister", { host_pid: peer.place.host_pid }, peer);
  return peer;
}

test("cct peers rename, merge and forget do so, and say what happened", async () => {
  const [api, old] = [await newPeer(me.broker, "my-app-2"), await awayPeer("api-old")];
  stayAlive(me.broker, api);
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

test("cct peers shows who is there, and counts those who are away; --all shows them, --live does not count them", async () => {
  const broker = await personWithBroker();
  const [there, gone] = [await newPeer(broker.broker, "here-now"), await newPeer(broker.broker, "long-gone")];
  await ok(broker.broker, "unregister", { host_pid: gone.place.host_pid }, gone);
  const shown = async (...flags: string[]) => {
    // However slow this machine is, it has not been silent for so long that it is away.
    await ok(broker.broker, "heartbeat", { host_pid: there.place.host_pid, held: [] }, there);
    return success(await broker.cct("peers", ...flags));
  };
  expect(await shown()).toMatch(/here-now +idle.*\n1 is away: cct peers --all\n$/);
  expect(await shown()).not.toContain("long-gone");
  expect(await shown("--all")).toMatch(/here-now[\s\S]*long-gone +offline/);
  expect(await shown("--live")).not.toContain("away");
  expect(JSON.parse(await shown("--json"))).toMatchObject({ peers: [{ name: "here-now" }], away: 1 });
  await ok(broker.broker, "unregister", { host_pid: there.place.host_pid }, there);
  expect(success(await broker.cct("peers"))).toBe("No session is there now. 2 are away: cct peers --all\n");
});

test("cct peers forget names what holds a peer, and forgets it with --force", async () => {
  const busy = await newPeer(me.broker, "needed");
  await ok(me.broker, "create_pool", { name: "front", purpose: "to test" }, busy);
  await ok(me.broker, "unregister", { host_pid: busy.place.host_pid }, busy);
  for (const text of ["one", "two"]) await ok(me.broker, "send_message", { to: "needed", text });
  expect(failure(await me.cct("peers", "forget", "needed"))).toMatch(
    /needed is still needed: 2 waiting messages; membership in @front\. .*--force/,
  );
  const record = paths(me.broker.home).peer(busy.peer_id);
  writeFileSync(record, "{}", { mode: 0o600 });
  expect(success(await me.cct("peers", "forget", "needed", "--force"))).toBe(
    "Forgot needed: 2 messages waited; it was in @front.\n",
  );
  expect(existsSync(record)).toBe(false);
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
