/** What a host writes to the session server: it is answered in order, at the end too, and nothing makes the server deaf. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { createLines, idAtTheEnds } from "../../src/session/lines.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { root } from "../support/folders.ts";
import { startHost } from "../support/host.ts";
import { allTexts, newPeer } from "../support/peers.ts";
import { startProxy } from "../support/proxy.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
beforeAll(async () => {
  const noLimits = { CCT_SENDS_PER_MINUTE: "0", CCT_SENDS_PER_PAIR: "0" };
  broker = await startBroker({ env: noLimits });
});

interface Answer {
  id: number;
  result?: { isError?: boolean; content?: { text: string }[] };
  error?: { code: number; message: string };
}

interface Server {
  child: ChildProcess;
  write(text: string): void;
  /** The answers so far, in their order. */
  answers(): Answer[];
  stderr(): string;
  exited: Promise<number | null>;
}

/** A session server below a host process of its own, with raw standard streams. */
function start(name: string, env: Record<string, string> = {}): Server {
  const own = { PATH: process.env.PATH, HOME: join(broker.home, ".."), CCT_HOME: broker.home, CCT_PORT: "0" };
  // The shell stays as the parent: with `exec` the server would be its own host.
  const command = ["-c", '"$@"; exit $?', "host", process.execPath, join(root, "dist/bin.js"), "mcp"];
  const child = spawn("bash", command, { env: { ...own, CCT_NAME: name, ...env }, cwd: root, stdio: "pipe" });
  atEnd(() => void child.kill("SIGKILL"));
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.on("error", () => {});
  return {
    child,
    write: (text) => void child.stdin.write(text),
    answers: () =>
      stdout
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    stderr: () => stderr,
    exited: new Promise((resolve) => child.once("close", resolve)),
  };
}

const line = (message: object): string => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`;
const clientInfo = { name: "test", version: "1" };
const HANDSHAKE =
  line({ id: 0, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo } }) +
  line({ method: "notifications/initialized" });
const call = (id: number, tool: string, input: object = {}): string =>
  line({ id, method: "tools/call", params: { name: `cct_${tool}`, arguments: input } });

/** A tool waits for eight seconds until its session is registered, which a slow machine may take longer for. */
async function registered(name: string): Promise<void> {
  await until("it is registered", async () =>
    (await ok(broker, "list_peers", {})).peers.some((one) => one.name === name),
  );
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe("when standard input ends", () => {
  test("all that was asked before is answered, in order, and done in order", async () => {
    const reader = await newPeer(broker, "reader");
    const server = start("hasty");
    await registered("hasty");
    const texts = numbers(60).map((i) => `word ${i}`);
    const calls = texts.map((text, i) => call(i + 1, "send_message", { to: reader.peer_id, text }));
    const began = performance.now();
    server.child.stdin?.end(HANDSHAKE + calls.join("") + call(61, "list_pools"));
    expect(await server.exited).toBe(0);
    const all = [0, ...numbers(61)];
    const answered = server.answers().map(({ id }) => id);
    // It takes ten seconds for that at most. On a machine that is too slow for all, it answers the first ones.
    const isWhole = performance.now() - began < 10_000;
    expect(answered).toEqual(isWhole ? all : all.slice(0, answered.length));
    for (const { id, result } of server.answers().slice(1)) expect([id, result?.isError]).toEqual([id, undefined]);
    const stored = (await allTexts(broker)).filter((text) => text.startsWith("word "));
    expect(stored).toEqual(isWhole ? texts : texts.slice(0, stored.length));
  });

  test("a call that nobody answers does not keep the server", async () => {
    const proxy = await startProxy(broker.url);
    const server = start("patient", { CCT_BROKER: proxy.url, CCT_TOKEN: broker.token, ...proxy.env });
    server.write(HANDSHAKE + call(1, "list_pools"));
    await until("it works", () => server.answers().length === 2);
    proxy.blackHole();
    server.child.stdin?.end(call(2, "list_pools"));
    expect(await server.exited).toBe(0);
    expect(server.answers()).toHaveLength(2);
  });

  test("a signal ends it at once", async () => {
    const proxy = await startProxy(broker.url);
    const env = { CCT_BROKER: proxy.url, CCT_TOKEN: broker.token, ...proxy.env };
    const host = await startHost(broker.home, "signalled", { env });
    await host.ready();
    proxy.blackHole();
    const unanswered = host.tool("cct_list_pools").catch(() => "never answered");
    process.kill(host.serverPid(), "SIGTERM");
    expect(await unanswered).toBe("never answered");
  });
});

test("many calls without a broker wait no longer than one", async () => {
  const host = await startHost(broker.home, "alone", { env: { CCT_BROKER: "http://127.0.0.1:9", CCT_TOKEN: "t" } });
  const sends = numbers(12).map((i) => host.tool("cct_send_message", { to: "reader", text: `unsent ${i}` }));
  // The host gives up after 20 s; one send alone takes 8 s here.
  for (const { isError, text } of await Promise.all(sends)) expect([isError, text]).toEqual([true, expect.any(String)]);
});

test("a call that is cancelled before its turn does nothing", async () => {
  const reader = await newPeer(broker, "third");
  const server = start("changed-my-mind");
  await registered("changed-my-mind");
  const send = (id: number, text: string): string => call(id, "send_message", { to: reader.peer_id, text });
  const cancel = line({ method: "notifications/cancelled", params: { requestId: 2 } });
  server.child.stdin?.end(HANDSHAKE + send(1, "wanted") + send(2, "unwanted") + cancel + send(3, "wanted too"));
  expect(await server.exited).toBe(0);
  expect(server.answers().map(({ id }) => id)).toEqual([0, 1, 3]);
  const texts = await allTexts(broker);
  expect(texts.filter((text) => /wanted/.test(text))).toEqual(["wanted", "wanted too"]);
});

describe("a line that cannot be read", () => {
  const huge = "x".repeat(11 * 1024 * 1024);
  const params = { name: "cct_list_pools", arguments: { huge } };

  test.each<[string, string, number | undefined]>([
    [
      "of 11 MiB, with its id at the end",
      `${JSON.stringify({ method: "tools/call", params, jsonrpc: "2.0", id: 7 })}\n`,
      7,
    ],
    ["of 11 MiB, with its id at the beginning", line({ id: 8, method: "tools/call", params }), 8],
    ["of 11 MiB, without an id", `${huge}\n`, undefined],
    [
      "of 11 MiB, with an id of something else",
      `${JSON.stringify({ params: { arguments: { huge, id: 9 } } })}\n`,
      undefined,
    ],
    ["that is no JSON", '{"jsonrpc":"2.0","id":10,\n', undefined],
    ["that is no request", '{"id":11,"method":12}\n', 11],
  ])("%s, is answered or reported, and the next ones are answered", async (_what, text, id) => {
    const server = start("sturdy");
    server.write(HANDSHAKE);
    server.write(text);
    server.write(call(100, "list_pools"));
    await until("the next one is answered", () => server.answers().some((answer) => answer.id === 100));
    await until("it says why", () => server.stderr().endsWith("\n"));
    expect(server.stderr()).toMatch(/^cct: The message is (longer than 10 MiB|not a JSON-RPC message)\.\n$/);
    const others = server.answers().filter((answer) => ![0, 100].includes(answer.id));
    const refusal = { jsonrpc: "2.0", id, error: { code: -32600, message: server.stderr().slice(5, -1) } };
    expect(others).toEqual(id === undefined ? [] : [refusal]);
    server.child.stdin?.end();
    expect(await server.exited).toBe(0);
  });
});

test("a server whose answers nobody can read any more ends", async () => {
  const server = start("unheard");
  server.write(HANDSHAKE);
  await until("it works", () => server.answers().length === 1);
  server.child.stdout?.destroy();
  server.write(call(1, "list_pools"));
  expect(await server.exited).toBe(0);
});

describe("lines", () => {
  test("come out as they went in, however they are cut", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 40 }).map((one) => one.replace(/[\r\n]/g, ""));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), fc.array(fc.nat(30), { minLength: 1 }), (texts, cuts) => {
        const bytes = Buffer.from(texts.map((one) => `${one}\n`).join(""));
        const split = createLines(200);
        const lines = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = (cuts[i % cuts.length] ?? 0) + 1;
          lines.push(...split(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(lines).toEqual(texts.map((one) => ({ text: one })));
      }),
    );
  });

  test("that are too long keep their ends, and the next one is whole", () => {
    const split = createLines(10_000);
    const long = `BEGIN${"m".repeat(50_000)}END`;
    const [first, second] = [...(long.match(/.{1,777}/g) ?? []), "\nnext\n"].flatMap((part) =>
      split(Buffer.from(part)),
    );
    expect(first).toMatchObject({ head: expect.stringMatching(/^BEGINm+$/), tail: expect.stringMatching(/^m+END$/) });
    expect(second).toEqual({ text: "next" });
  });

  test("only the outermost object's id is taken for the id", () => {
    expect(idAtTheEnds('{"id":1,"method":"x","params":{', "}}")).toBe(1);
    expect(idAtTheEnds('{"jsonrpc":"2.0","id":"a-1","method', "}}")).toBe("a-1");
    expect(idAtTheEnds('{"method":"x","params":{', '"},"jsonrpc":"2.0","id":3}')).toBe(3);
    for (const tail of ['","id":3}}', ',"id":3}]', '"id":3}', ',"id":3} x', ',"id":null}'])
      expect(idAtTheEnds('{"params":{"id":2,', tail)).toBe(undefined);
  });
});
