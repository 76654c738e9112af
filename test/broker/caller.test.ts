import { beforeAll, describe, expect, test } from "vitest";
import { ok, refused, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer } from "../support/peers.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

describe("the caller", () => {
  test.each(["heartbeat", "unregister", "set_summary", "claim_messages", "ack_messages", "check_messages"])(
    "of %s must be a peer: the operator is refused",
    async (name) => {
      const inputs: Record<string, unknown> = {
        heartbeat: { host_pid: 1, held: [] },
        unregister: { host_pid: 1 },
        set_summary: { summary: "x" },
        claim_messages: { limit: 1, budget: 100 },
        ack_messages: { acks: [{ message_id: "message-1", attempt: 1, outcome: "read" }] },
        check_messages: {},
      };
      expect(await refused(broker, name, inputs[name])).toMatchObject({ status: 403, code: "forbidden" });
    },
  );

  test("with one peer's secret cannot act as another", async () => {
    const [a, b] = [await newPeer(broker, "mine"), await newPeer(broker, "yours")];
    const mixed = { peer_id: a.peer_id, secret: b.secret };
    expect(await refused(broker, "set_summary", { summary: "stolen" }, mixed)).toMatchObject({ status: 401 });
    expect(await refused(broker, "list_peers", {}, mixed)).toMatchObject({ status: 401 });
    const listed = (await ok(broker, "list_peers", {})).peers.find(({ peer_id }) => peer_id === a.peer_id);
    expect(listed?.summary).toBe("");
  });

  test("is known by the token and the secret of each request, whatever its connection has shown before", async () => {
    const [a, b] = [await newPeer(broker, "first"), await newPeer(broker, "second")];
    const path = "/api/set_summary";
    const statuses: number[] = [];
    for (const [as, headers] of [
      [a, {}],
      [{ ...a, secret: b.secret }, {}],
      [a, { authorization: `Bearer ${"x".repeat(broker.token.length)}` }],
      [b, {}],
      [{ ...b, secret: `${b.secret.slice(1)}0` }, {}],
      [a, {}],
      [a, { host: "evil.example" }],
      [a, {}],
    ] as const) {
      // One after the other, so they share a connection that is kept alive.
      const body = JSON.stringify({ summary: "x" });
      statuses.push((await send(broker, { path, as, headers, body })).status);
    }
    expect(statuses).toEqual([200, 401, 401, 200, 401, 200, 403, 200]);
  });
});
