/** Whoever is given the name of a seat gets its mail only with the secret of that seat, which lies in its user's home. */
import { chmodSync, cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { away, nameOf, peersOf, records, send, stateOf } from "../session/conversations.ts";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { tempHome } from "../support/folders.ts";
import { startHost } from "../support/host.ts";
import { newPeer, place, type TestPeer } from "../support/peers.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});
const as = (token: string): TestBroker => ({ ...broker, token });

async function emptySeat(name: string, at: TestBroker = broker): Promise<TestPeer> {
  const peer = await newPeer(at, name, { seat: true });
  await ok(at, "unregister", { host_pid: peer.place.host_pid }, peer);
  await send(broker, name, `secret words for ${name}`);
  return peer;
}

test("a session of another device with the name gets neither name nor mail, and nor does one that knows the id", async () => {
  const [ours, theirs] = [
    await ok(broker, "add_device", { name: "ours" }),
    await ok(broker, "add_device", { name: "theirs" }),
  ];
  for (const at of [broker, as(ours.token)]) {
    const name = `seat-${at === broker ? "here" : "there"}`;
    const seat = await emptySeat(name, at);
    const stranger = await newPeer(as(theirs.token), name, { seat: true });
    expect(stranger.name).toBe(`${name}-2`);
    const texts = (await ok(as(theirs.token), "check_messages", {}, stranger)).messages.map(({ text }) => text);
    expect(texts).toEqual([expect.stringContaining(`because ${name} is a peer that is away`)]);
    for (const secret of ["0".repeat(32), stranger.secret]) {
      const claim = { ...place(), name, seat: true };
      const forged = { peer_id: seat.peer_id, secret };
      expect(await refused(as(theirs.token), "register", claim, forged)).toMatchObject({ code: "unauthorized" });
    }
    // A read-only device cannot even ask.
    const reader = await ok(broker, "add_device", { name: `reader-${name}`, scope: "read" });
    const asks = { ...place(), name, seat: true };
    expect(await refused(as(reader.token), "register", asks, seat)).toMatchObject({ code: "forbidden" });
    expect(await stateOf(broker, `secret words for ${name}`)).toEqual({ state: "queued", redelivered: false });
  }
});

test("a revoked device cannot come back into its seat", async () => {
  const device = await ok(broker, "add_device", { name: "lost" });
  const seat = await emptySeat("lost-seat", as(device.token));
  await ok(broker, "revoke_device", { device: "lost" });
  const claim = { ...place(), name: "lost-seat", seat: true };
  expect(await refused(as(device.token), "register", claim, seat)).toMatchObject({ code: "unauthorized" });
});

test("one secret does not open another seat: the name of that one is refused", async () => {
  const [mine, other] = [await emptySeat("mine"), await emptySeat("other")];
  const claim = { ...place(), name: other.name, seat: true };
  expect(await refused(broker, "register", claim, mine)).toMatchObject({ code: "conflict" });
});

test("sessions of another home with the name are -2; so are those that find a record which others can read", async () => {
  await away(broker, "reviewer", "c-1");
  await send(broker, "reviewer", "for the first home");
  const device = await ok(broker, "add_device", { name: "second-home" });
  const home = tempHome();
  const env = { CCT_BROKER: broker.url, CCT_TOKEN: device.token };
  const other = await startHost(home, "reviewer", { env });
  await other.ready();
  expect(nameOf(home, other)).toBe("reviewer-2");
  expect((await other.given("UserPromptSubmit")).stdout).not.toContain("for the first home");
  await other.end();

  const planted = tempHome();
  mkdirSync(join(planted, "peers"), { recursive: true, mode: 0o700 });
  const name = `${records(broker.home).get("reviewer")?.peer_id}.json`;
  cpSync(join(broker.home, "peers", name), join(planted, "peers", name));
  chmodSync(join(planted, "peers", name), 0o644);
  const careless = await startHost(planted, "reviewer", { env });
  await careless.ready();
  expect(nameOf(planted, careless)).toMatch(/^reviewer-[23]$/);
  expect(await stateOf(broker, "for the first home")).toEqual({ state: "queued", redelivered: false });
  expect((await peersOf(broker)).find((peer) => peer.name === "reviewer")).toMatchObject({ presence: "offline" });
});
