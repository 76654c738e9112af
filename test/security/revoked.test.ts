/** A device that is revoked while it is in the middle of something: it gets no further. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { createFanout } from "../../src/broker/streams/fanout.ts";
import { type Call, goodHeaders, ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { openEvents } from "../support/events.ts";
import { newPeer } from "../support/peers.ts";
import { head, raw } from "../support/raw.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

const as = (token: string): TestBroker => ({ ...broker, token });
const device = (name: string, scope: "read" | "post" | "admin" = "admin") => ok(broker, "add_device", { name, scope });

describe("a request whose last byte comes after the revocation", () => {
  /** Sends all but the last byte, revokes the device, sends the rest; returns the whole answer. */
  async function lateByte(name: string, token: string, operation: string, body: string, call: Pick<Call, "as"> = {}) {
    const headers = { host: "127.0.0.1", connection: "close", ...goodHeaders(as(token), { ...call, body }) };
    const connection = raw(broker, `${head(`POST /api/${operation}`, headers)}\r\n${body.slice(0, -1)}`);
    // Another request of the device shows that the broker has had time to check the first one's token.
    await ok(as(token), "list_peers", {});
    await ok(broker, "revoke_device", { device: name });
    connection.socket.write(body.slice(-1));
    return connection.over;
  }

  test.each<[string, object]>([
    ["add_device", { name: "back-door", scope: "admin" }],
    ["invite_device", { scope: "admin" }],
    ["rename_device", { device: "late-rename_device", name: "renamed" }],
    ["messages", {}],
    ["notes", {}],
    ["list_peers", {}],
    ["register", { name: "ghost", host: "h", cwd: "/", host_pid: 1, held: [] }],
  ])("%s is refused, and does nothing", async (operation, input) => {
    const name = `late-${operation.replaceAll("_", "-")}`;
    const { token } = await device(name);
    const answer = await lateByte(name, token, operation, JSON.stringify(input));
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toContain("token was revoked");
    const { devices } = await ok(broker, "list_devices", { all: true });
    expect(devices.map((one) => one.name)).not.toContain("back-door");
    expect((await ok(broker, "list_peers", { all: true })).peers.map((one) => one.name)).not.toContain("ghost");
  });

  test("nor does a peer of the device send anything", async () => {
    const { token } = await device("late-peer", "post");
    const [peer, reader] = [await newPeer(as(token), "late-sender"), await newPeer(broker, "reader")];
    const body = JSON.stringify({ to: "reader", text: "too late" });
    expect(await lateByte("late-peer", token, "send_message", body, { as: peer })).toMatch(/^HTTP\/1\.1 401 /);
    expect((await ok(broker, "check_messages", {}, reader)).messages).toEqual([]);
  });
});

test("of 150 streams that are opened during the revocation, none stays open", async () => {
  for (const round of [1, 2, 3, 4, 5]) {
    const name = `streamer-${round}`;
    const { token } = await device(name, "post");
    const peers = await Promise.all(Array.from({ length: 30 }, (_, i) => newPeer(as(token), `stream-${round}-${i}`)));
    const streams = Array.from({ length: 150 }, (_, i) => ({ ...raw(broker), as: peers[i % peers.length] }));
    await until("all are connected", () => streams.every(({ socket }) => !socket.connecting));
    let revoked: Promise<unknown> | undefined;
    for (const [i, stream] of streams.entries()) {
      if (i === 20 * round) revoked = ok(broker, "revoke_device", { device: name });
      const headers = { host: "127.0.0.1", ...goodHeaders(as(token), { as: stream.as }) };
      stream.socket.write(`${head("GET /events", headers)}\r\n`);
      // The broker is at another step with each of them.
      if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await revoked;
    // Refused or ended, each is over: `0` is the last chunk of a stream.
    for (const { socket, said } of streams) {
      await until(
        "it is refused or has ended",
        () => said().startsWith("HTTP/1.1 401 ") || said().endsWith("\r\n0\r\n\r\n") || socket.destroyed,
      );
      socket.destroy();
    }
  }
});

test("a stream whose hint of the revocation was lost ends with the next keep-alive", async () => {
  const revoked = new Set<string>();
  const events = createFanout(async (ids) => ids.filter((id) => revoked.has(id)), 20);
  const server = createServer((request, response) => events.open(request.url ?? "", request.url, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    events.close();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [bad, good] = ["/bad", "/good"].map((path) => raw({ url }, `${head(`GET ${path}`, { host: "x" })}\r\n`));
  await until("both are open", () => events.count() === 2);
  revoked.add("/bad");
  await until("one has ended", () => events.count() === 1);
  expect(events.listeners().devices).toEqual(["/good"]);
  await until("the other is kept alive", () => (good?.said().split("still here").length ?? 0) > 3);
  bad?.socket.destroy();
});

describe("what a device let in while it was in", () => {
  test("is listed by its revocation, over every step, and stays until the operator says otherwise", async () => {
    const first = await device("first");
    const second = await ok(as(first.token), "add_device", { name: "second", scope: "admin" });
    const { code } = await ok(as(second.token), "invite_device", { scope: "post" });
    const third = await ok(as(code), "join_device", { name: "third" });
    const open = await ok(as(first.token), "invite_device", {});
    const other = await device("other");
    const peer = await newPeer(as(third.token), "at-third");
    const stream = await openEvents(as(third.token), peer);

    const listed = (await ok(broker, "list_devices", {})).devices;
    expect(listed.find((one) => one.name === "third")?.made_by).toBe(second.device_id);
    expect(listed.find((one) => one.name === "first")?.made_by).toBe(undefined);

    const made = [
      { device_id: second.device_id, name: "second", scope: "admin" },
      { device_id: third.device_id, name: "third", scope: "post" },
    ];
    const revocation = { device_id: first.device_id, name: "first", made, invitations: 1 };
    expect(await ok(broker, "revoke_device", { device: "first" })).toEqual({ ...revocation, made_too: false });
    await ok(as(third.token), "list_peers", {});

    // It is revoked already: what it let in can go later.
    const again = await ok(broker, "revoke_device", { device: "first", made_too: true });
    expect(again).toEqual({ ...revocation, made_too: true });
    expect(await stream.over).toBe("ended");
    for (const token of [first.token, second.token, third.token])
      expect(await refused(as(token), "list_peers", {})).toMatchObject({ status: 401 });
    expect(await refused(as(open.code), "join_device", { name: "fourth" })).toMatchObject({ status: 401 });
    await ok(as(other.token), "list_peers", {});
    const left = await ok(broker, "revoke_device", { device: "first", made_too: true });
    expect(left).toMatchObject({ made: [], invitations: 0 });
  });

  test("what the broker's own machine let in belongs to no device", async () => {
    await device("lonely");
    await ok(broker, "invite_device", {});
    expect(await ok(broker, "revoke_device", { device: "lonely" })).toMatchObject({ made: [], invitations: 0 });
  });
});
