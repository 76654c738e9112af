/** The protocol of the session server: the official SDK's client is the judge; what that client never sends is sent by hand. */
import {
  EmptyResultSchema,
  JSONRPCMessageSchema,
  LATEST_PROTOCOL_VERSION,
  ListToolsResultSchema,
  SUPPORTED_PROTOCOL_VERSIONS,
} from "@modelcontextprotocol/sdk/types.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { textResult, toolList } from "../../src/session/tools.ts";
import { root } from "../support/folders.ts";
import { until } from "../support/wait.ts";
import { connect, type Served, serve } from "./serve.ts";

const tools: unknown = JSON.parse(toolList(root));

describe.each(SUPPORTED_PROTOCOL_VERSIONS)("the official client at version %s", (version) => {
  test("shakes hands, pings, lists and calls", async () => {
    const client = await connect(serve(), version);
    expect(client.getServerVersion()).toEqual({ name: "cct", title: "Claude Code Talk", version: "1.0.0" });
    expect(client.getServerCapabilities()).toEqual({ tools: {} });
    expect(client.getInstructions()).toBe("Talk.");
    expect(await client.ping()).toEqual({});
    expect((await client.request({ method: "tools/list" }, ListToolsResultSchema)).tools).toEqual(tools);
    const { content } = await client.callTool({ name: "echo", arguments: { a: [1, { b: "ü" }] } });
    expect(content).toEqual([{ type: "text", text: '{"name":"echo","given":{"a":[1,{"b":"ü"}]}}' }]);
  });

  test("hears of unknown methods, wrong parameters and failures by their codes", async () => {
    const client = await connect(serve(), version);
    const asked = (method: string, params: object) =>
      client.request({ method, params: { ...params } }, EmptyResultSchema);
    await expect(asked("resources/list", {})).rejects.toMatchObject({ code: -32601 });
    await expect(asked("logging/setLevel", { level: "info" })).rejects.toMatchObject({ code: -32601 });
    await expect(asked("tools/list", { cursor: "next" })).rejects.toMatchObject({ code: -32602 });
    await expect(asked("tools/call", {})).rejects.toMatchObject({ code: -32602 });
    await expect(asked("tools/call", { name: "echo", arguments: [1] })).rejects.toMatchObject({ code: -32602 });
    await expect(asked("initialize", {})).rejects.toMatchObject({ code: -32602 });
    await expect(client.callTool({ name: "fail" })).rejects.toMatchObject({ code: -32603 });
    expect(await client.ping()).toEqual({});
  });

  test("cancels a call, asks for progress, and goes on", async () => {
    const served = serve();
    const client = await connect(served, version);
    const stop = new AbortController();
    const options = { signal: stop.signal, onprogress: () => {} };
    const cancelled = client.callTool({ name: "wait" }, undefined, options);
    await until("it waits", () => served.waiting.length === 1);
    stop.abort("enough");
    await expect(cancelled).rejects.toThrow("enough");
    await until("it knows", () => served.waiting[0]?.call.isCancelled());
    served.waiting[0]?.answer();
    expect(await client.ping()).toEqual({});
    await served.answered();
  });
});

const line = (message: unknown): string => `${JSON.stringify(message)}\n`;
const rpc = (message: object): object => ({ jsonrpc: "2.0", ...message });
const shakeHands = (protocolVersion: unknown): string =>
  line(rpc({ id: 0, method: "initialize", params: { protocolVersion } }));
const call = (id: unknown, name: string, input?: unknown): object =>
  rpc({ id, method: "tools/call", params: { name, arguments: input } });
const pong = (id: unknown): object => ({ jsonrpc: "2.0", id, result: {} });
const refused = (id: unknown, code: number, message: unknown = expect.any(String)): object => ({
  jsonrpc: "2.0",
  id,
  error: { code, message },
});

/** Writes all this after a handshake, and returns what is said to it. */
async function exchange(served: Served, version: string, ...texts: string[]): Promise<unknown[]> {
  for (const text of [shakeHands(version), ...texts]) served.input.write(text);
  await new Promise((resolve) => setImmediate(resolve));
  await served.answered();
  return served.said().slice(1);
}

test.each([["1999-01-01"], [""], ["2025-06-18 "]])(
  "a client of version '%s' is offered the newest one",
  async (asked) => {
    const served = serve();
    await exchange(served, asked);
    expect(served.said()).toEqual([
      expect.objectContaining({ id: 0, result: expect.objectContaining({ protocolVersion: LATEST_PROTOCOL_VERSION }) }),
    ]);
  },
);

test("requests before the handshake are answered", async () => {
  const served = serve();
  served.input.write(line(rpc({ id: "a", method: "ping" })) + line(rpc({ id: "b", method: "no/such" })));
  await until("both are answered", () => served.said().length === 2);
  expect(served.said()).toEqual([pong("a"), refused("b", -32601)]);
});

describe("a batch", () => {
  const ping = (id: number) => rpc({ id, method: "ping" });
  const batch = [
    ping(1),
    rpc({ method: "notifications/unknown" }),
    { id: 2, method: "ping" },
    7,
    call(3, "wait"),
    ping(4),
  ];

  test("is answered as a whole where the version has them", async () => {
    const served = serve();
    served.input.write(shakeHands("2025-03-26") + line(batch) + line(ping(5)));
    await until("it waits", () => served.waiting.length === 1 && served.said().length === 2);
    expect(served.said()[1]).toEqual(pong(5));
    const after: string[] = [];
    served.waiting[0]?.call.afterAnswer(() => after.push("shown"));
    served.waiting[0]?.answer();
    await served.answered();
    const answers = served.said()[2] as { id: number }[];
    expect(answers.sort((a, b) => a.id - b.id)).toEqual([
      pong(1),
      refused(2, -32600),
      { jsonrpc: "2.0", id: 3, result: textResult('{"name":"wait","given":{}}') },
      pong(4),
    ]);
    expect(after).toEqual(["shown"]);
  });

  test("of notifications, or of calls that were all cancelled, gets no answer", async () => {
    const served = serve();
    const cancel = (requestId: number) => rpc({ method: "notifications/cancelled", params: { requestId } });
    const said = await exchange(
      served,
      "2025-03-26",
      line([cancel(1), cancel(2)]),
      line([call(1, "wait"), call(2, "wait"), cancel(1)]),
      line(cancel(2)),
    );
    expect(said).toEqual([]);
  });

  test("is refused, request by request, where the version has none; an empty one always", async () => {
    const served = serve();
    expect(await exchange(served, "2025-06-18", line([ping(1), ping(2)]))).toEqual([
      refused(1, -32600),
      refused(2, -32600),
    ]);
    expect(served.reports).toHaveLength(2);
    const other = serve();
    expect(await exchange(other, "2025-03-26", line([]))).toEqual([]);
    expect(other.reports).toEqual(["A batch is empty."]);
  });
});

test("a call with an id that is in use is answered too, and a cancellation is for both", async () => {
  const served = serve();
  const ids = (await exchange(
    served,
    "2025-06-18",
    line(call(1, "a")) + line(call(1, "b")) + line(call("1", "c")),
  )) as { id: unknown }[];
  expect(ids.map(({ id }) => id)).toEqual([1, 1, "1"]);
  const both = serve();
  const cancel = line(rpc({ method: "notifications/cancelled", params: { requestId: 1 } }));
  expect(await exchange(both, "2025-06-18", line(call(1, "wait")) + line(call(1, "wait")) + cancel)).toEqual([]);
});

test("what some clients write instead of nothing is taken for nothing", async () => {
  const list = line(rpc({ id: 1, method: "tools/list", params: { cursor: null } }));
  const said = await exchange(
    serve(),
    "2025-06-18",
    list +
      line(call(2, "echo", null)) +
      "\r\n \n" +
      line(rpc({ id: 3, method: "ping", params: {} })).replace("\n", "\r\n"),
  );
  expect(said).toEqual([
    expect.objectContaining({ result: { tools } }),
    expect.objectContaining({ id: 2, result: textResult('{"name":"echo","given":{}}') }),
    pong(3),
  ]);
});

test("what is neither request nor notification is refused by its id, or reported; answers are ignored", async () => {
  const served = serve();
  const wrong = [
    { id: 1, method: "ping" },
    { jsonrpc: "1.0", id: 2, method: "ping" },
    rpc({ id: 3, method: 4 }),
    rpc({ id: 1.5, method: "ping" }),
    rpc({ id: 5, method: "ping", params: [1] }),
    rpc({ id: null, method: "ping" }),
    rpc({ id: { a: 1 }, method: "ping" }),
    rpc({ id: 6 }),
    "ping",
    null,
  ];
  const said = await exchange(
    served,
    "2025-06-18",
    wrong.map(line).join(""),
    line(rpc({ id: 7, result: {} })),
    line(rpc({ id: 8, error: {} })),
  );
  expect(said).toEqual([...[1, 2, 3, 1.5].map((id) => refused(id, -32600)), refused(5, -32602)]);
  expect(served.reports).toHaveLength(9);
});

test("an action for after the answer waits until it is written, and never comes for a cancelled call", async () => {
  const served = serve();
  const after: number[] = [];
  served.input.write(shakeHands("2025-06-18") + line(call(1, "wait")) + line(call(2, "wait")));
  await until("they wait", () => served.waiting.length === 2);
  for (const [i, { call: one }] of served.waiting.entries())
    one.afterAnswer(() => {
      after.push(i + 1);
      throw new Error("broken");
    });
  served.input.write(line(rpc({ method: "notifications/cancelled", params: { requestId: 1 } })));
  for (const { answer } of served.waiting) answer();
  await served.answered();
  expect(after).toEqual([2]);
  expect(served.reports).toEqual(["broken"]);
});

test("while a client reads no answers, the server reads no requests, and later goes on", async () => {
  const served = serve(1);
  const big = "x".repeat(1024 * 1024);
  const asked = Array.from({ length: 12 }, (_, i) => line(call(i, "echo", { big })));
  served.input.write(shakeHands("2025-06-18"));
  for (const text of asked) served.input.write(text);
  await until("it has stopped", () => served.input.isPaused());
  await until("all are answered", () => served.said().length === 13);
  expect(served.input.isPaused()).toBe(false);
});

test("whatever comes in, each line that goes out is a message, and requests that are right are answered", async () => {
  const member = fc.oneof(
    fc.integer(),
    fc.constantFrom("2.0", "ping", "tools/list", "initialize", null),
    fc.string(),
    fc.object({ maxDepth: 1 }),
  );
  const fields = fc.dictionary(
    fc.constantFrom("jsonrpc", "id", "method", "params", "result", "error", "__proto__"),
    member,
  );
  const noise = fc
    .oneof(fields, fc.array(fields, { maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }))
    .map((one) => JSON.stringify(one));
  const lines = fc.array(
    fc.oneof(
      noise,
      fc.string().map((text) => text.replaceAll("\n", "")),
    ),
    { maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(lines, fc.constantFrom(...SUPPORTED_PROTOCOL_VERSIONS), async (texts, version) => {
      const served = serve();
      const said = await exchange(
        served,
        version,
        ...texts.map((text) => `${text}\n`),
        line(rpc({ id: "last", method: "ping" })),
      );
      for (const one of said.flat())
        expect(JSONRPCMessageSchema.safeParse(one).success || (one as { id: unknown }).id).toBeTruthy();
      expect(said).toContainEqual(pong("last"));
    }),
    { numRuns: 100 },
  );
});
