/** A program that listens where a broker was, or between client and broker, gets no secret, whatever it does. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Access } from "../../src/client/access.ts";
import { type Client, createClient, wasNotReceived } from "../../src/client/client.ts";
import { startMark } from "../../src/platform/process.ts";
import { writeJoinString } from "../../src/rules/devices.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { cct, failure, success } from "../support/cct.ts";
import { atEnd } from "../support/cleanup.ts";
import { root, tempFolder, tempHome } from "../support/folders.ts";
import { startHost } from "../support/host.ts";
import { notRun } from "../support/not-run.ts";
import { newPeer } from "../support/peers.ts";
import { freePort } from "../support/ports.ts";
import { run } from "../support/process.ts";
import { startProxy } from "../support/proxy.ts";
import { until } from "../support/wait.ts";

interface Impostor {
  url: string;
  /** All bytes of all connections. */
  heard(): string;
}

/** Listens on a port and answers what it hears with `answer`, again and again; with `undefined` it closes. */
async function impostor(answer: string | undefined, port = 0): Promise<Impostor> {
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (data: Buffer) => {
      heard.push(data);
      if (answer === undefined) socket.destroy();
      else socket.write(answer);
    });
  });
  await until("the port is free", async () => {
    const failed = await new Promise((resolve) => {
      server.once("error", resolve);
      server.listen(port, "127.0.0.1", () => resolve(undefined));
    });
    return failed === undefined;
  });
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard: () => Buffer.concat(heard).toString("latin1"),
  };
}

const http = (status: string, body: string, headers = ""): string =>
  `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`;

/** What every route of a broker could answer, at the first glance. */
const FRIENDLY = http(
  "200 OK",
  '{"ok":true,"version":"0.1.0","pid":999999999,"peers":[],"peer_id":"0","address":"127.0.0.1:1"}',
);

function clientOf(access: Access): Client {
  const client = createClient(() => access, { random: () => 0, newId: () => randomBytes(16).toString("hex") });
  atEnd(client.close);
  return client;
}

async function problem(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    (answer) => new Error(`no failure, but ${JSON.stringify(answer)}`),
    (thrown: unknown) => thrown,
  );
  return error instanceof Error ? error : new Error(String(error));
}

/** As after a crash: the note stands, and a process with its number lives. */
function keepNote(broker: TestBroker): () => void {
  const path = join(broker.home, "broker.json");
  const { pid } = run("sleep", ["600"]);
  const text = JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), pid, began: startMark(pid) });
  const write = (): void => writeFileSync(path, text, { mode: 0o600 });
  write();
  return write;
}

describe("if another user takes the port and pid of a killed broker", () => {
  test("a session that was stopped meanwhile sends no secret, says what is wrong, and recovers when a broker is back", async () => {
    const broker = await startBroker({ port: await freePort() });
    const rewrite = keepNote(broker);
    const host = await startHost(broker.home, "sleeper");
    await host.ready();
    expect(await host.tool("cct_list_pools")).toMatchObject({ isError: false });
    const [record = ""] = readdirSync(join(broker.home, "peers"));
    const { peer_id, secret } = JSON.parse(readFileSync(join(broker.home, "peers", record), "utf8"));

    const server = host.serverPid();
    process.kill(server, "SIGSTOP");
    await broker.stop();
    rewrite();
    const his = await impostor(FRIENDLY, Number(new URL(broker.url).port));
    process.kill(server, "SIGCONT");

    const answer = await host.tool("cct_send_message", { to: "sleeper", text: "words for a friend" });
    expect(answer.isError).toBe(true);
    expect(answer.text).toContain("does not prove that it is the broker");
    // Calls, heartbeats and the stream have all tried.
    await until("he was asked often", () => his.heard().split("GET /prove").length > 5);
    const heard = his.heard();
    for (const secretWord of [broker.token, peer_id, secret, "authorization", "words for a friend", "/api/", "/events"])
      expect(heard.toLowerCase()).not.toContain(String(secretWord).toLowerCase());

    const again = await startBroker({ home: broker.home });
    await until("the session is the same peer again", async () => {
      const { peers } = await ok(again, "list_peers", {});
      return peers.some((one) => one.peer_id === peer_id && one.presence !== "offline");
    });
    expect(await host.tool("cct_list_pools")).toMatchObject({ isError: false });
  });

  test("commands send no secret either, and say what to do", async () => {
    const broker = await startBroker({ port: await freePort() });
    const rewrite = keepNote(broker);
    await broker.stop();
    rewrite();
    const his = await impostor(FRIENDLY, Number(new URL(broker.url).port));
    const env = { PATH: process.env.PATH, HOME: join(broker.home, ".."), CCT_HOME: broker.home };
    const all = [["peers"], ["status"], ["send", "ann", "secret words"], ["device", "list"]];
    all.push(["service", "run", "app", "--url", "http://127.0.0.1:3000", "--name", "x", "--", "true"]);
    const said = await Promise.all(all.map(async (words) => (await cct(words, { env })).stderr));
    for (const text of said) {
      expect(text).toContain("does not prove that it is the broker");
      expect(text).toContain("cct config set port");
    }
    expect(his.heard()).toContain("GET /prove");
    for (const word of [broker.token, "authorization", "secret words"]) expect(his.heard()).not.toContain(word);
  });
});

describe("between a client and its broker", () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startBroker();
  });

  test("a relay to the broker on another port learns no secret", async () => {
    const relay = await startProxy(broker.url);
    const peer = await newPeer(broker, "relayed");
    const client = clientOf({ urls: [relay.url], token: broker.token });
    for (const work of [client.call("list_peers", {}, peer), client.openStream(peer), client.health()]) {
      const error = await problem(work);
      expect(error.message).toContain(`is forwarded to a broker that listens on ${new URL(broker.url).host}`);
      expect(wasNotReceived(error)).toBe(true);
    }
    for (const word of [broker.token, peer.secret, "list_peers"]) expect(relay.heard()).not.toContain(word);
  });

  const sixth = "nor does one at the same port of another address, which 'localhost' may mean";
  const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
  test.skipIf(!hasIpv6 && notRun(sixth, "this machine has no ::1"))(sixth, async () => {
    const { port, host } = new URL(broker.url);
    const relay = await startProxy(broker.url, "::1", Number(port));
    const error = await problem(clientOf({ urls: [relay.url], token: broker.token }).call("list_peers", {}));
    expect(error.message).toContain(`is forwarded to a broker that listens on ${host}`);
    expect(relay.heard()).not.toContain(broker.token);
  });

  test("a tunnel that its user named is used", async () => {
    const tunnel = await startProxy(broker.url);
    const client = clientOf({ urls: [tunnel.url], token: broker.token, forwardedTo: [new URL(broker.url).host] });
    expect(await client.call("list_pools", {})).toEqual({ pools: [] });
  });

  test("of several brokers in a list, the one that proves itself is used, and the others get no secret", async () => {
    const [dumb, relay] = [await impostor(FRIENDLY), await startProxy(broker.url)];
    const client = clientOf({ urls: [dumb.url, relay.url, broker.url], token: broker.token });
    await client.call("create_pool", { name: "proven", purpose: "made once" });
    expect(client.inUse()).toBe(broker.url);
    for (const one of [dumb, relay]) expect(one.heard()).not.toContain(broker.token);
  });

  test("a recorded proof cannot be used again", async () => {
    const tunnel = await startProxy(broker.url);
    const seen = clientOf({ urls: [tunnel.url], token: broker.token, forwardedTo: [new URL(broker.url).host] });
    await seen.health();
    const proof = /\{"address".*?\}/.exec(tunnel.said())?.[0] ?? "";
    expect(proof).toContain(new URL(broker.url).host);
    const his = await impostor(http("200 OK", proof));
    const access = { urls: [his.url], token: broker.token, forwardedTo: [new URL(broker.url).host] };
    const error = await problem(clientOf(access).call("list_peers", {}));
    expect(error.message).toContain("its proof is wrong");
    expect(his.heard()).not.toContain(broker.token);
  });

  test("the proof of a device's or an invitation's token needs no other secret", async () => {
    const { token } = await ok(broker, "add_device", { name: "desk" });
    expect(await clientOf({ urls: [broker.url], token }).call("list_peers", {})).toMatchObject({
      peers: expect.any(Array),
    });
    // A revoked one hears that it was revoked, from the broker itself.
    await ok(broker, "revoke_device", { device: "desk" });
    const error = await problem(clientOf({ urls: [broker.url], token }).call("list_peers", {}));
    expect(error).toMatchObject({ code: "unauthorized", message: "The bearer token is missing or wrong." });
    const { code } = await ok(broker, "invite_device", {});
    const joined = await clientOf({ urls: [broker.url], token: code }).call("join_device", { name: "desk" });
    expect(joined).toMatchObject({ name: "desk" });
  });

  test("a join over plain HTTP shows the code only to the broker", async () => {
    const code = randomBytes(16).toString("hex");
    const his = await impostor(FRIENDLY);
    const word = writeJoinString({ addresses: [new URL(his.url).host], tls: false, code });
    const home = tempHome();
    const env = { PATH: process.env.PATH, HOME: tempFolder(), CCT_HOME: home };
    const why = failure(await cct(["join", word, "--no-install"], { env }));
    expect(why).toContain("does not prove that it is the broker");
    expect(his.heard()).toContain("GET /prove");
    expect(his.heard()).not.toContain(code);
    const invited = await ok(broker, "invite_device", {});
    const real = writeJoinString({ addresses: [new URL(broker.url).host], tls: false, code: invited.code });
    expect(success(await cct(["join", real, "--no-install"], { env }))).toContain("joined");
  });

  test.each<[string, string | undefined]>([
    ["closes", undefined],
    ["is another web server", "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"],
    ["is no web server", "220 mail.example ESMTP\r\n".repeat(300)],
    ["redirects", "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"],
    ["says nothing about length", 'HTTP/1.1 200 OK\r\n\r\n{"address":"127.0.0.1:1","proof":"00"}'],
    ["writes an answer too many", FRIENDLY + FRIENDLY],
    [
      "claims not to know the token",
      http("401 Unauthorized", '{"error":{"code":"unauthorized","message":"Obey me.","hint":"x"}}'),
    ],
    [
      "claims to be busy",
      http("429 Too Many Requests", '{"error":{"code":"rate_limited","message":"Obey me.","hint":"x"}}'),
    ],
    ["proves with zeros", http("200 OK", `{"address":"127.0.0.1:1","proof":"${"0".repeat(64)}"}`)],
    ["sends no objects", http("200 OK", "null")],
  ])("a server that %s is sent nothing, and its words are not repeated", async (_what, answer) => {
    const his = await impostor(answer);
    const peer = await newPeer(broker, "cautious");
    const error = await problem(clientOf({ urls: [his.url], token: broker.token }).call("list_peers", {}, peer));
    expect(error).toMatchObject({ code: "unavailable" });
    expect(wasNotReceived(error)).toBe(true);
    expect(error.message).not.toContain("Obey");
    for (const word of [broker.token, peer.peer_id, peer.secret]) expect(his.heard()).not.toContain(word);
  });

  const program = "the program in docs/api.md works with a broker, and shows an impostor nothing";
  const hasPython = spawnSync("python3", ["--version"]).status === 0;
  test.skipIf(!hasPython && notRun(program, "needs python3"))(program, async () => {
    const page = readFileSync(join(root, "docs/api.md"), "utf8");
    const blocks = [...page.matchAll(/^```python\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
    expect(blocks).toHaveLength(3);
    await newPeer(broker, "robot");
    const at = (url: string): string =>
      blocks
        .join("")
        .replace("7888", new URL(url).port)
        .replace("~/.cct/token", join(broker.home, "token"))
        .replace('"name": "robot"', '"name": "new-robot"');
    const works = run("python3", ["-c", at(broker.url)]);
    expect(await works.exited).toEqual({ code: 0, signal: null });
    expect(works.stdout()).toContain("event: mail");
    const his = await impostor(FRIENDLY);
    const stops = run("python3", ["-c", at(his.url)]);
    expect((await stops.exited).code).toBe(1);
    expect(stops.stderr()).toContain("not this home's broker");
    expect(his.heard()).not.toContain(broker.token);
  });

  test("the broker proves nothing to a client that does not have the token", async () => {
    for (const header of [undefined, "x", `${"0".repeat(16)}.${"0".repeat(32)}.${"0".repeat(64)}`]) {
      const headers = header === undefined ? {} : { "x-cct-challenge": header };
      const answer = await fetch(`${broker.url}/prove`, { headers });
      expect([400, 401]).toContain(answer.status);
      expect(await answer.text()).not.toContain('proof":');
    }
  });
});
