/** Names and ids share references, so no name may look like an id: what is meant for an id reaches nobody else. */
import { describe, expect, test } from "vitest";
import { ok, refused } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { openClockwork } from "../support/clockwork.ts";
import { newStore } from "../support/database.ts";
import { newPeer } from "../support/peers.ts";
import { rejectedBy } from "../support/thrown.ts";

/** What a reference to an id can be. */
const startsOf = (id: string): string[] => [id.slice(0, 4), id.slice(0, 8).toUpperCase(), id];

describe("a name that looks like another one's id", () => {
  test("is refused when a peer renames itself, and its id still gets the mail", async () => {
    const broker = await startBroker();
    const [ann, mallory] = [await newPeer(broker, "ann"), await newPeer(broker, "mallory")];
    for (const start of startsOf(ann.peer_id)) {
      const summary = { summary: "nothing to see", name: start };
      expect(await refused(broker, "set_summary", summary, mallory)).toMatchObject({
        code: "bad_request",
        message: expect.stringContaining("could be read as an id"),
      });
      const sent = await ok(broker, "send_message", { to: start, text: `for ${start}` });
      expect(sent.recipients).toMatchObject([{ name: "ann" }]);
    }
    expect((await ok(broker, "check_messages", {}, mallory)).messages).toEqual([]);
  });

  test("gets another form when a session registers with it, or in a folder of that name", async () => {
    const broker = await startBroker();
    const ann = await newPeer(broker, "ann");
    for (const start of startsOf(ann.peer_id)) {
      const mallory = await newPeer(broker, start);
      expect(mallory.name).toBe(`${start.toLowerCase()}-1`);
      const sent = await ok(broker, "send_message", { to: start, text: `for ${start}` });
      expect(sent.recipients).toMatchObject([{ peer_id: ann.peer_id }]);
    }
    expect((await newPeer(broker, "deadbeef")).name).toBe("deadbeef-1");
    expect((await newPeer(broker, "deadbeef")).name).toBe("deadbeef-1-2");
  });

  test("is refused for a new or renamed device; one that joins with it is no decoy", async () => {
    const broker = await startBroker();
    const stolen = await ok(broker, "add_device", { name: "stolen" });
    for (const start of startsOf(stolen.device_id)) {
      expect((await refused(broker, "add_device", { name: start })).code).toBe("bad_request");
      expect((await refused(broker, "rename_device", { device: "stolen", name: start })).code).toBe("bad_request");
    }
    const { code } = await ok(broker, "invite_device", {});
    const decoy = await ok({ ...broker, token: code }, "join_device", { name: stolen.device_id });
    expect(decoy.name).toBe(`${stolen.device_id}-1`);
    expect(await ok(broker, "revoke_device", { device: stolen.device_id })).toMatchObject({ name: "stolen" });
    await ok({ ...broker, token: decoy.token }, "list_peers", {});
    expect(await refused({ ...broker, token: stolen.token }, "list_peers", {})).toMatchObject({ code: "unauthorized" });
  });

  test("is refused for pools, private ones too", async () => {
    const broker = await startBroker();
    const [ann, mallory] = [await newPeer(broker, "ann"), await newPeer(broker, "mallory")];
    const { pool } = await ok(broker, "create_pool", { name: "front", purpose: "to test" }, ann);
    for (const name of startsOf(pool.pool_id)) {
      for (const isPrivate of [true, false]) {
        const fake = { name, purpose: "to listen", private: isPrivate };
        expect((await refused(broker, "create_pool", fake, mallory)).code).toBe("bad_request");
      }
      expect((await ok(broker, "pool_status", { pool: name }, ann)).pool.name).toBe("front");
    }
  });

  test("is refused for services; a kind that looks like an id does not become the name", async () => {
    const broker = await startBroker();
    const [ann, mallory] = [await newPeer(broker, "ann"), await newPeer(broker, "mallory")];
    const at = (port: number) => ({ kind: "web", url: `http://localhost:${port}`, host: "elsewhere" });
    const web = await ok(broker, "register_service", at(1), ann);
    for (const name of startsOf(web.service_id))
      expect((await refused(broker, "register_service", { ...at(2), name }, mallory)).code).toBe("bad_request");
    const kind = web.service_id.slice(0, 8);
    expect(await ok(broker, "register_service", { ...at(2), kind }, mallory)).toMatchObject({
      kind,
      name: `${kind}-1`,
    });
    expect(await ok(broker, "unregister_service", { service: kind })).toMatchObject({ service_id: web.service_id });
  });
});

test("a reference that fits one thing's name and another's id is ambiguous, and the error names both", async () => {
  // An older broker of the same database can still make such names.
  const store = await newStore();
  const works = await openClockwork(undefined, store);
  const [ann, ben] = [await works.newPeer("ann"), await works.newPeer("ben")];
  const { pool } = await works.call("create_pool", { name: "front", purpose: "to test" }, ann);
  await works.call("join_pool", { pool: "front" }, ben);
  const other = await works.call("create_pool", { name: "back", purpose: "to test" }, ann);
  const device = await works.call("add_device", { name: "desk" });
  const decoy = await works.call("add_device", { name: "decoy" });
  const at = (port: number) => ({ kind: "web", url: `http://localhost:${port}`, host: "elsewhere" });
  const service = await works.call("register_service", { ...at(1), name: "one" });
  const second = await works.call("register_service", { ...at(2), name: "two" });
  await store.tx(async (sql) => {
    await sql("UPDATE peers SET name = $1, name_key = $1 WHERE peer_id = $2", ann.peer_id.slice(0, 8), ben.peer_id);
    const key = pool.pool_id.slice(0, 8);
    await sql(
      "UPDATE pools SET name = $1, name_key = $1, active_name = $1 WHERE pool_id = $2",
      key,
      other.pool.pool_id,
    );
    await sql("UPDATE devices SET name = $1 WHERE device_id = $2", device.device_id, decoy.device_id);
    await sql("UPDATE services SET name = $1 WHERE service_id = $2", service.service_id, second.service_id);
  });
  const cases = [
    [() => works.call("send_message", { to: ann.peer_id.slice(0, 8), text: "hello" }), ann.peer_id, ben.peer_id],
    [
      () => works.call("send_message", { to: `@front/${ann.peer_id.slice(0, 8)}`, text: "hello" }),
      ann.peer_id,
      ben.peer_id,
    ],
    [() => works.call("messages", { peer: ann.peer_id.slice(0, 8) }), ann.peer_id, ben.peer_id],
    [() => works.call("archive_pool", { pool: pool.pool_id.slice(0, 8) }), pool.pool_id, other.pool.pool_id],
    [() => works.call("revoke_device", { device: device.device_id }), device.device_id, decoy.device_id],
    [() => works.call("unregister_service", { service: service.service_id }), service.service_id, second.service_id],
  ] as const;
  for (const [attempt, one, another] of cases) {
    const error = await rejectedBy(attempt());
    expect(error.code).toBe("ambiguous");
    for (const id of [one, another]) expect(error.message).toContain(id.slice(0, 8));
  }
  expect((await works.call("send_message", { to: ben.peer_id, text: "hello" })).recipients).toHaveLength(1);
  expect(await works.call("revoke_device", { device: decoy.device_id })).toMatchObject({ device_id: decoy.device_id });
});
