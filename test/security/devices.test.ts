/** Devices: inviting, listing, revoking. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { readJoinString, writeJoinString } from "../../src/rules/devices.ts";
import { type Answer, call, ok, refusal, refused, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { openEvents } from "../support/events.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

const as = (token: string): TestBroker => ({ ...broker, token });

test("an invitation makes one device with its scope, and only one", async () => {
  const { code, scope } = await ok(broker, "invite_device", { scope: "read" });
  expect(scope).toBe("read");
  const joined = await ok(as(code), "join_device", { name: "Ben's Laptop" });
  expect(joined).toMatchObject({ name: "ben-s-laptop", scope: "read" });
  expect(await ok(as(joined.token), "list_peers", {})).toEqual({ peers: [] });
  expect(await refused(as(code), "join_device", { name: "second" })).toMatchObject({ code: "unauthorized" });
});

test("of many that use one invitation at the same time, exactly one gets in", async () => {
  const { code } = await ok(broker, "invite_device", {});
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i): Promise<Answer> => call(as(code), "join_device", { name: `racer-${i}` })),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 401]));
});

test("when a device is revoked, its stream ends at once, its token is refused and its peers are offline", async () => {
  const stays = await newPeer(broker, "stays");
  stayAlive(broker, stays);
  const ours = await openEvents(broker, stays);
  /** A device with a stream is revoked. `isAtOnce`: the stream ended before the broker looked at all streams. */
  async function revoked(name: string) {
    const device = await ok(broker, "add_device", { name });
    const peer = await newPeer(as(device.token), `at-${name}`);
    const theirs = await openEvents(as(device.token), peer);
    const before = ours.comments();
    await ok(broker, "revoke_device", { device: name });
    expect(await theirs.over).toBe("ended");
    await ok(broker, "list_peers", {});
    return { device, peer, isAtOnce: ours.comments() === before };
  }
  const { device, peer } = await until(
    "one ended before the regular look, which may come in just that moment",
    async () => {
      // Without the other way, each of them would end with that look.
      const one = await revoked("desk");
      return one.isAtOnce && one;
    },
  );
  expect(await refused(as(device.token), "list_peers", {}, peer)).toMatchObject({ code: "unauthorized" });
  const { peers } = await ok(broker, "list_peers", { all: true });
  const presence = Object.fromEntries(peers.map((one) => [one.name, one.presence]));
  expect(presence).toMatchObject({ "at-desk": "offline", stays: "idle" });
  await ok(broker, "send_message", { to: "stays", text: "still listening?" });
  await ours.count(2);

  const all = await ok(broker, "list_devices", { all: true });
  expect(all.devices.find((one) => one.name === "desk")).toMatchObject({ revoked_at: expect.any(Number), peers: 0 });
  expect((await ok(broker, "list_devices", {})).devices.some((one) => one.name === "desk")).toBe(false);
  expect(await refused(broker, "revoke_device", { device: "desk" })).toMatchObject({ code: "not_found" });
});

test("guessing tokens at /health reveals nothing, and the log has the attempt without the guess", async () => {
  const asked = await startBroker();
  const guess = "0123456789abcdef0123456789abcdef";
  const answer = await send({ ...asked, token: guess }, { method: "GET", path: "/health" });
  expect(answer.text).toBe('{"ok":true}');
  const log = await until("it is in the log", () => {
    const text = readFileSync(`${asked.home}/log/broker.log`, "utf8");
    return text.includes("wrong credentials") && text;
  });
  expect(log).not.toContain(guess);
});

test("names of devices do not collide, and a device can be given by its id", async () => {
  const [one, two] = [
    await ok(broker, "add_device", { name: "twin" }),
    await ok(broker, "add_device", { name: "twin", scope: "admin" }),
  ];
  expect([one.name, two.name]).toEqual(["twin", "twin-2"]);
  expect(await refused(broker, "rename_device", { device: "twin-2", name: "twin" })).toMatchObject({
    code: "conflict",
  });
  expect(await ok(broker, "rename_device", { device: two.device_id.slice(0, 8), name: "boss" })).toMatchObject({
    name: "boss",
  });
  expect(await ok(as(two.token), "notes", {})).toEqual({ notes: [] });
});

test("tokens are stored as hashes, and shown only in the answer that created them", async () => {
  const { token, device_id } = await ok(broker, "add_device", { name: "quiet" });
  const { code } = await ok(broker, "invite_device", {});
  const listed = JSON.stringify(await ok(broker, "list_devices", { all: true }));
  expect(listed).toContain(device_id);
  for (const secret of [token, code]) expect(listed).not.toContain(secret);
  const stored = ["cct.db", "cct.db-wal", "log/broker.log"].map((name) => {
    try {
      return readFileSync(`${broker.home}/${name}`, "latin1");
    } catch {
      return "";
    }
  });
  for (const secret of [token, code]) expect(stored.some((text) => text.includes(secret))).toBe(false);
});

describe("a join string", () => {
  const hex = (length: number) =>
    fc
      .array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length })
      .map((one) => one.join(""));
  const port = fc.integer({ min: 1, max: 65_535 });
  const address = fc.oneof(
    fc.tuple(fc.ipV4(), port).map(([host, at]) => `${host}:${at}`),
    fc.tuple(fc.ipV6(), port).map(([host, at]) => `[${host}]:${at}`),
    port.map((at) => `studio.local:${at}`),
  );
  const invitation = fc.record(
    {
      addresses: fc.array(address, { minLength: 1, maxLength: 8 }),
      fingerprint: hex(64),
      tls: fc.boolean(),
      code: hex(32),
    },
    { requiredKeys: ["addresses", "tls", "code"] },
  );

  test("returns what was put in, as one word that needs no quoting in a shell", () => {
    fc.assert(
      fc.property(invitation, (one) => {
        const word = writeJoinString(one);
        expect(word).toMatch(/^[A-Za-z0-9._-]+$/);
        expect(readJoinString(` ${word}\n`)).toEqual(one);
      }),
    );
  });

  test("that is cut or mistyped is refused, and the error does not repeat it", () => {
    fc.assert(
      fc.property(invitation, fc.nat(), fc.constantFrom("cut", "changed"), (one, at, how) => {
        const word = writeJoinString(one);
        const i = at % word.length;
        const other = word[i] === "x" ? "y" : "x";
        const bad = how === "cut" ? word.slice(0, i) : word.slice(0, i) + other + word.slice(i + 1);
        try {
          // A changed letter may make another code or address: never something of another shape.
          const read = readJoinString(bad);
          expect(how).toBe("changed");
          expect(read.code).toMatch(/^[0-9a-f]{32}$/);
        } catch (error) {
          expect(error).toMatchObject({ code: "bad_request" });
          expect(String(error)).not.toContain(one.code);
        }
      }),
    );
  });

  test.each(["", "hello", "cct-join-1.", "cct-join-1.W10", `cct-join-1.${"A".repeat(5_000)}`, "cct-join-2.WzFd"])(
    "is not %j",
    (text) => {
      expect(() => readJoinString(text)).toThrow("Invalid or truncated join string.");
    },
  );
});

test("a revoked token stays revoked when the broker starts again", async () => {
  const { token } = await ok(broker, "add_device", { name: "gone" });
  await ok(broker, "revoke_device", { device: "gone" });
  await broker.stop();
  broker = await startBroker({ home: broker.home });
  expect(refusal(await call(as(token), "list_peers", {}))).toMatchObject({ status: 401 });
});
