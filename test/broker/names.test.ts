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

test("the name that a host gives a session is an alias while it lives; peers' own names and ids count before it", async () => {
  const broker = await startBroker();
  const ann = await newPeer(broker, "ann", { alias: "Shop-88" });
  const to = async (name: string) => (await ok(broker, "send_message", { to: name, text: `${name}!` })).recipients[0];
  expect(await to("shop-88")).toMatchObject({ peer_id: ann.peer_id, name: "ann" });
  expect(await to("SHOP-88@elsewhere")).toMatchObject({ peer_id: ann.peer_id });
  expect((await ok(broker, "list_peers", {})).peers).toMatchObject([{ name: "ann", alias: "shop-88" }]);
  const beat = { host_pid: ann.place.host_pid, held: [] };
  await ok(broker, "heartbeat", { ...beat, alias: "shop-89" }, ann);
  await ok(broker, "heartbeat", beat, ann);
  expect((await refused(broker, "send_message", { to: "shop-88", text: "x" })).code).toBe("not_found");

  const twin = await newPeer(broker, "twin", { alias: "shop-89" });
  expect(await refused(broker, "send_message", { to: "shop-89", text: "x" })).toMatchObject({
    code: "ambiguous",
    message: expect.stringMatching(/matches 2 peers: .*(ann|twin).*(ann|twin)/),
  });
  await ok(broker, "unregister", { host_pid: twin.place.host_pid }, twin);
  expect(await to("shop-89")).toMatchObject({ name: "ann" });
  const real = await newPeer(broker, "shop-89");
  expect(await to("shop-89")).toMatchObject({ peer_id: real.peer_id });
  // What no reference can be is no alias.
  for (const alias of [real.peer_id, "operator", "two words", "Shop-89/x", ""])
    await ok(broker, "heartbeat", { ...beat, alias }, ann);
  expect((await ok(broker, "list_peers", {})).peers[0]).not.toHaveProperty("alias");
});

test("@bob means one thing: neither a pool nor a peer gets the name that the other has", async () => {
  const broker = await startBroker();
  const [ann, bob] = [await newPeer(broker, "ann"), await newPeer(broker, "bob")];
  for (const more of [{}, { private: true }])
    expect(await refused(broker, "create_pool", { name: "Bob", purpose: "x", ...more }, ann)).toMatchObject({
      code: "conflict",
      message: `There is a peer 'bob' (${bob.peer_id.slice(0, 4)}), and '@bob' would mean both.`,
    });
  await ok(broker, "create_pool", { name: "front", purpose: "x" }, ann);
  expect((await newPeer(broker, "front")).name).toBe("front-2");
  expect(await refused(broker, "set_summary", { summary: "x", name: "Front" }, bob)).toMatchObject({
    code: "conflict",
  });
  // Given on purpose, it is told why it is called otherwise.
  const seat = await newPeer(broker, "front", { seat: true });
  const [told] = (await ok(broker, "check_messages", {}, seat)).messages;
  expect(told?.text).toContain(`because front is the name of the pool @front`);
  // A name from a folder is free while its peer is away: the peer is called otherwise when it returns.
  await ok(broker, "unregister", { host_pid: bob.place.host_pid }, bob);
  const { pool } = await ok(broker, "create_pool", { name: "bob", purpose: "x" }, ann);
  const back = await ok(broker, "register", { ...bob.place, held: [] }, bob);
  expect(back.name).toBe("bob-2");
  await ok(broker, "archive_pool", { pool: pool.pool_id }, ann);
  await ok(broker, "rename_peer", { peer: "bob-2", name: "bob" });
  expect(await refused(broker, "join_pool", { pool: pool.pool_id }, ann)).toMatchObject({ code: "conflict" });
});

test("a private pool keeps nobody from its name, so @name is ambiguous for its members then", async () => {
  const broker = await startBroker();
  const [ann, ben] = [await newPeer(broker, "ann"), await newPeer(broker, "ben")];
  const { pool } = await ok(broker, "create_pool", { name: "den", purpose: "x", private: true }, ann);
  await ok(broker, "invite_to_pool", { pool: "den", peer: "ben" }, ann);
  const den = await newPeer(broker, "den");
  expect(den.name).toBe("den");
  const error = await refused(broker, "send_message", { to: "@den", text: "to whom?" }, ann);
  expect(error).toMatchObject({
    code: "ambiguous",
    hint: `For the pool: @${pool.pool_id.slice(0, 8)}. For the peer: den.`,
  });
  const toPool = await ok(broker, "send_message", { to: `@${pool.pool_id.slice(0, 8)}`, text: "to ben" }, ann);
  expect(toPool.recipients).toMatchObject([{ peer_id: ben.peer_id }]);
  // Nobody else learns that there is such a pool.
  const outside = await ok(broker, "send_message", { to: "@den", text: "to den" }, await newPeer(broker, "carl"));
  expect(outside).toMatchObject({ recipients: [{ name: "den" }], understood: expect.stringContaining("no pool @den") });
});

test.each([
  ["front", "The pool of that name is '@front'."],
  ["user", "The person is 'operator'."],
  ["Everyone", "Everybody is '@all'."],
])("a send to '%s' says what may be meant, and the peers that are known without the asker", async (to, hint) => {
  const broker = await startBroker();
  const [ann] = [await newPeer(broker, "ann"), await newPeer(broker, "ben")];
  await ok(broker, "create_pool", { name: "front", purpose: "x" }, ann);
  const error = await refused(broker, "send_message", { to, text: "x" }, ann);
  expect(error.hint).toMatch(new RegExp(`^${hint.replaceAll(".", "\\.")} Known peers: ben@`));
  expect(error.hint).not.toContain("ann");
});

test("no pool takes the name of a person, of the broker or of everybody; @operator is the operator", async () => {
  const broker = await startBroker();
  const ann = await newPeer(broker, "ann");
  for (const name of ["operator", "CCT", "All"])
    expect(await refused(broker, "create_pool", { name, purpose: "x" }, ann)).toMatchObject({ code: "bad_request" });
  const sent = await ok(broker, "send_message", { to: "@operator", text: "hello" }, ann);
  expect(sent).toMatchObject({
    recipients: [{ name: "operator" }],
    understood: "there is no pool @operator: sent to operator",
  });
});
