/** Network traffic is encrypted, and clients talk only to the broker that they joined. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { expect, test } from "vitest";
import { fingerprintOf, makeCertificate } from "../../src/broker/http/certificate.ts";
import { readJoinString, writeJoinString } from "../../src/rules/devices.ts";
import { ok } from "../support/api.ts";
import { type BrokerOptions, refusedStart, startBroker, type TestBroker } from "../support/broker.ts";
import { type CctRun, cct, failure, success } from "../support/cct.ts";
import { tempFolder } from "../support/folders.ts";
import { freePort } from "../support/ports.ts";
import { until } from "../support/wait.ts";

const openBroker = (options: BrokerOptions = {}): Promise<TestBroker> =>
  startBroker({ ...options, env: { CCT_HOST: "0.0.0.0", ...options.env } });

const portOf = (broker: TestBroker): number => Number(new URL(broker.url).port);
const certificateOf = (broker: TestBroker): string => readFileSync(join(broker.home, "broker.crt"), "utf8");

/** The command of a person at another machine, which knows this broker by an address of its own. */
function guest(): { home: string; cct(...words: string[]): Promise<CctRun> } {
  const folder = tempFolder();
  const home = join(folder, "guest's home");
  const env = { PATH: process.env.PATH, HOME: folder, CCT_HOME: home };
  return { home, cct: (...words) => cct(words, { env }) };
}

async function joinString(broker: TestBroker, more: { fingerprint?: string } = {}): Promise<string> {
  const { code } = await ok(broker, "invite_device", {});
  const fingerprint = more.fingerprint ?? fingerprintOf(certificateOf(broker));
  return writeJoinString({ addresses: [`127.0.0.1:${portOf(broker)}`], tls: true, fingerprint, code });
}

test("the certificate is created once, its key is readable by its owner only, and a restart keeps it", async () => {
  const broker = await openBroker();
  const before = certificateOf(broker);
  expect(statSync(join(broker.home, "broker.key")).mode & 0o777).toBe(0o600);
  await broker.stop();
  const again = await openBroker({ home: broker.home });
  expect(certificateOf(again)).toBe(before);
});

test("a broker for this machine alone creates no certificate", async () => {
  const broker = await startBroker();
  expect(() => certificateOf(broker)).toThrow(/ENOENT/);
});

test("a client joins and calls, and refuses any other certificate before it sends anything", async () => {
  const broker = await openBroker({ port: await freePort() });
  const { home, cct } = guest();
  const said = success(await cct("join", await joinString(broker), "--no-install"));
  expect(said).toMatch(/joined: 0 peers, 0 pools on/);
  expect(statSync(join(home, "config.json")).mode & 0o777).toBe(0o600);
  expect(success(await cct("peers"))).toMatch(/No peer/);
  expect(success(await cct("config"))).not.toContain(JSON.parse(readFileSync(join(home, "config.json"), "utf8")).token);

  const port = portOf(broker);
  await broker.stop();
  const impostor = await openBroker({ port });
  expect(failure(await cct("peers"))).toMatch(/certificate differs.*Nothing was sent.*join again/);
  await impostor.stop();
});

test("a join string with another fingerprint is refused, and stays unused", async () => {
  const broker = await openBroker();
  const word = await joinString(broker, { fingerprint: "0".repeat(64) });
  const { cct } = guest();
  expect(failure(await cct("join", word, "--no-install"))).toMatch(/certificate differs/);
  const right = writeJoinString({ ...readJoinString(word), fingerprint: fingerprintOf(certificateOf(broker)) });
  success(await cct("join", right, "--no-install"));
});

test("a certificate of the user's own is shown; one that cannot be used is named, and the broker does not start", async () => {
  const folder = tempFolder();
  const [one, other] = [await makeCertificate(Date.now()), await makeCertificate(Date.now())];
  const [cert, key, wrong] = [join(folder, "my cert.pem"), join(folder, "my key.pem"), join(folder, "wrong.pem")];
  writeFileSync(cert, one.cert);
  writeFileSync(key, one.key);
  writeFileSync(wrong, other.key);
  const broker = await openBroker({ env: { CCT_CERT: cert, CCT_KEY: key } });
  const socket = await secure(broker);
  expect(socket.getPeerX509Certificate()?.fingerprint256).toBe(
    fingerprintOf(one.cert).toUpperCase().match(/../g)?.join(":"),
  );
  socket.destroy();
  for (const bad of [wrong, join(folder, "none.pem")]) {
    const refused = await refusedStart({ env: { CCT_HOST: "0.0.0.0", CCT_CERT: cert, CCT_KEY: bad } });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/certificate .* cannot be used .*'cert' and 'key'/);
  }
});

const secure = (broker: TestBroker): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: portOf(broker), rejectUnauthorized: false }, () =>
      resolve(socket),
    );
    socket.on("error", reject);
  });

const plain = (broker: TestBroker): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connectPlain(portOf(broker), "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });

/** Milliseconds until the other side has ended the connection. */
function untilEnded(socket: Socket): Promise<number> {
  const begin = performance.now();
  return new Promise((resolve) => {
    // On a slow machine it may have ended already.
    if (socket.destroyed) return resolve(0);
    socket.resume();
    socket.once("close", () => resolve(performance.now() - begin));
  });
}

test("a connection that sends nothing, or only part of a request, is closed", async () => {
  const broker = await openBroker({ timing: { clientTimeoutMs: 1_000 } });
  const silent = await plain(broker);
  const halfHandshake = await plain(broker);
  halfHandshake.write(Buffer.from([0x16, 0x03, 0x01, 0x02]));
  const halfRequest = await plain(broker);
  halfRequest.write("GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n");
  // A slow machine may miss the broker's time for the handshake.
  const halfSecret = await until("a connection", () => secure(broker).catch(() => undefined));
  halfSecret.write("GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n");
  const times = await Promise.all([silent, halfHandshake, halfRequest, halfSecret].map(untilEnded));
  // As long as a client may take; a process of its own has the program's ten seconds.
  for (const time of times) expect(time).toBeLessThan(45_000);
  await ok(broker, "list_peers", {});
});

test("a broker that is stopped ends soon, whatever connections are open", async () => {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const broker = await openBroker();
    const sockets = [await plain(broker), await secure(broker), await plain(broker), await secure(broker)];
    sockets[2]?.write("GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    sockets[3]?.write("GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    for (const socket of sockets) socket.on("error", () => {});
    const begin = performance.now();
    await broker.stop();
    times.push(performance.now() - begin);
  }
  // A machine that is busy may be slow once.
  expect(Math.min(...times)).toBeLessThan(10_000);
});

test("garbage in place of a handshake or request does not disturb others", async () => {
  const broker = await openBroker();
  for (const garbage of [[0x16], [0x16, 0x03, 0x01, 0xff, 0xff, 0x00], [0x00, 0x01], [0x80, 0x2e, 0x01]]) {
    const socket = await plain(broker);
    socket.on("error", () => {});
    socket.end(Buffer.concat([Buffer.from(garbage), Buffer.alloc(1_000, 7)]));
    await untilEnded(socket);
  }
  await ok(broker, "list_peers", {});
});
