/** Requests as no good client makes them, made from a seed. */
import { operations } from "../../src/operations/index.ts";
import type { Credentials } from "./api.ts";

export interface Random {
  /** 0 up to and without `below`. */
  int(below: number): number;
  pick<T>(from: readonly [T, ...T[]]): T;
  /** Bytes as characters of latin1. */
  bytes(length: number): string;
}

/** mulberry32: small, and the same everywhere. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    int,
    pick: (from) => from[int(from.length)] ?? from[0],
    bytes: (length) => Array.from({ length }, () => String.fromCharCode(int(256))).join(""),
  };
}

export interface Known {
  token: string;
  peers: readonly [Credentials, ...Credentials[]];
}

/** Request as latin1 text: what is no latin1 is in it as the bytes of its UTF-8. */
type Make = (r: Random, known: Known) => string;

const utf8 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

function request(line: string, headers: readonly (string | undefined)[], body = ""): string {
  const all = ["host: 127.0.0.1", ...headers.filter((one) => one !== undefined), `content-length: ${body.length}`];
  return `${line} HTTP/1.1\r\n${all.join("\r\n")}\r\n\r\n${body}`;
}

const asOperator = ({ token }: Known): string[] => [`authorization: Bearer ${token}`];
const asPeer = (r: Random, known: Known): string[] => {
  const peer = r.pick(known.peers);
  return [...asOperator(known), `x-cct-peer: ${peer.peer_id}`, `x-cct-secret: ${peer.secret}`];
};
const asSomebody = (r: Random, known: Known): string[] => (r.int(2) ? asPeer(r, known) : asOperator(known));
const json = "content-type: application/json";

const paths = [
  "/health",
  "/ready",
  "/status",
  "/metrics",
  "/events",
  "/feed",
  "/",
  ...operations.map((op) => `/api/${op.name}`),
] as [string, ...string[]];
const operationPaths = operations.map((op) => `/api/${op.name}`) as [string, ...string[]];

/** A value that may be of any type; never one that an operation could do something with. */
function value(r: Random, depth = 0): unknown {
  const kind = r.int(depth > 2 ? 8 : 10);
  if (kind === 0) return r.pick([null, true, false]);
  if (kind === 1) return r.pick([-1, 1.5, 1e308, -0, 2 ** 53, 2 ** 63, Number.MIN_VALUE]);
  if (kind === 2)
    return utf8(r.pick(["\0", "\ud800", "‮", "é́", "😀", "\u2028", "a\r\nb", "../../token", "'; --", "%s%n"]));
  if (kind < 6) return r.bytes(r.int(40));
  if (kind < 8) return r.pick(["constructor", "__proto__", "toString", "alice", "@pool", "{}", "[]", ""]);
  if (kind === 8) return Array.from({ length: r.int(5) }, () => value(r, depth + 1));
  return Object.fromEntries(Array.from({ length: r.int(4) }, () => [r.bytes(r.int(10)), value(r, depth + 1)]));
}

/** An operation's own fields with wrong values, and one field that it does not have, so that it can never be taken. */
function wrongInput(r: Random, path: string): string {
  const op = operations.find((one) => `/api/${one.name}` === path);
  const fields = Object.keys(op?.input.shape ?? {});
  const input = Object.fromEntries(fields.filter(() => r.int(3) > 0).map((field) => [field, value(r)]));
  const text = JSON.stringify({ ...input, [`x${r.int(1000)}`]: value(r) });
  // `stringify` makes no such keys.
  return r.int(4) ? text : `{"__proto__":{"by":["peer"]},"constructor":{"prototype":{}},${text.slice(1)}`;
}

/** After these the connection cannot go on: they are no HTTP, or refused before their body was read. */
const broken: readonly [Make, ...Make[]] = [
  (r) => r.bytes(r.int(300)),
  (r) => `${r.bytes(20)}\r\n\r\n`,
  (_, k) => `POST /api/send_message HTTP/1.1\r\nhost: x\r\n${asOperator(k)}\r\ncontent-length: -5\r\n\r\n{}`,
  (r, k) =>
    `POST ${r.pick(operationPaths)} HTTP/1.1\r\nhost: 127.0.0.1\r\n${asOperator(k)}\r\n${json}\r\ntransfer-encoding: chunked\r\n\r\n${r.pick(["zz\r\n{}\r\n", "-1\r\n{}", "ffffffffffffffffff\r\n{}", "2\r\n{}}}\r\n0\r\n\r\n", "5\r\n{}", "2;a=\0\r\n{}\r\n"])}`,
  (r, k) =>
    `POST ${r.pick(operationPaths)} HTTP/1.1\r\nhost: 127.0.0.1\r\n${asOperator(k)}\r\n${json}\r\ncontent-length: 4\r\ntransfer-encoding: ${r.pick(["chunked", "Chunked", "identity", "chunked, identity", "\tchunked", "xchunked"])}\r\n\r\n0\r\n\r\nPOST /api/create_pool HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`,
  (r, k) =>
    `POST ${r.pick(operationPaths)} HTTP/1.1\r\nhost: 127.0.0.1\r\n${asOperator(k)}\r\n${json}\r\ncontent-length: ${r.pick(["5", "4, 5", "+4", "0x4", "4 4", "99999999999999999999", "1e1"])}\r\ncontent-length: 4\r\n\r\n{}  `,
  (r, k) =>
    request(`POST ${r.pick(operationPaths)}`, [...asOperator(k), json], "{}").replace("length: 2", "length: 900"),
  (r) => `GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ${"y".repeat(17_000 + r.int(3000))}\r\n\r\n`,
  (r) => `GET /${"a".repeat(20_000 + r.int(2000))} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`,
  (r) => `GET /health HTTP/${r.pick(["9.9", "0.9", "2.0", "1.", "x"])}\r\nhost: 127.0.0.1\r\n\r\n`,
  () => "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n",
  () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  () => "GET /health HTTP/1.1\r\nhost : 127.0.0.1\r\n\r\n",
  () => "GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n folded: yes\r\n\r\n",
  (r) => `GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nx: a\0b${r.bytes(4)}\r\n\r\n`,
  (r) => `GET /${r.pick(["\0", " ", "\r", "\x7f"])} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`,
  (r) => `\x16\x03\x01${r.bytes(200)}`,
  (r, k) =>
    request(
      `POST ${r.pick(operationPaths)}`,
      [...asOperator(k), json, `expect: ${r.pick(["200-ok", "x", "100-continue, x"])}`],
      "{",
    ),
  (r, k) =>
    request(`GET ${r.pick(operationPaths)}`, [
      ...asOperator(k),
      "connection: upgrade",
      `upgrade: ${r.pick(["websocket", "h2c", "x"])}`,
    ]),
  (r, k) => request(`GET ${r.pick([`/${utf8("ünï✓")}`, "/?q=\xc3\xa9"])}`, asOperator(k)),
  (r, k) => request(`POST ${r.pick(paths)}`, [...asOperator(k), "content-type: text/plain"], "{}"),
  (r) => request(`POST ${r.pick(operationPaths)}`, [json], "{}"),
  (r, k) => request(`PUT ${r.pick(operationPaths)}`, [...asPeer(r, k), json], "{}"),
];

/** Without the right credentials: these are slowed by address, so that there must not be many at one. */
const unauthorized: readonly [Make, ...Make[]] = [
  (r) => request(`POST ${r.pick(paths)}`, [json]),
  (r) => request(`GET ${r.pick(paths)}`, [`authorization: ${r.pick(["", "Bearer", "Bearer x", "Basic eDp4"])}`]),
  (r, k) => request(`POST ${r.pick(operationPaths)}`, [`authorization: Bearer ${k.token.slice(0, -1)}`, json]),
  (r, k) => {
    const [one] = k.peers;
    const other = k.peers[1] ?? one;
    const wrong = r.pick([other.secret, "", one.secret.toUpperCase(), `${one.secret}0`, "__proto__"]);
    const headers = [...asOperator(k), `x-cct-peer: ${one.peer_id}`, `x-cct-secret: ${wrong}`, json];
    return request(`POST ${r.pick(["/api/check_messages", "/api/set_busy", "/api/leave_pool"])}`, headers);
  },
  (r, k) =>
    request("GET /events", [
      ...asOperator(k),
      `x-cct-peer: ${r.pick(["", "\xff\xfe", "0", "'--"])}`,
      "x-cct-secret: x",
    ]),
];

/** Whole requests, each of which is refused, on a connection that goes on. */
const whole: readonly [Make, ...Make[]] = [
  (r, k) => {
    const path = r.pick(operationPaths);
    return request(`POST ${path}`, [...asSomebody(r, k), json], wrongInput(r, path));
  },
  (r, k) => {
    const path = r.pick(operationPaths);
    const text = wrongInput(r, path);
    return request(`POST ${path}`, [...asSomebody(r, k), json], text.slice(0, 1 + r.int(text.length - 1)));
  },
  (r, k) => request(`POST ${r.pick(operationPaths)}`, [...asSomebody(r, k), json], `${r.bytes(1 + r.int(200))}\xff`),
  (r, k) => {
    const body = r.pick([
      "1e999",
      "-",
      "[[[",
      "nul",
      '"\\ud800"',
      "[]",
      "0",
      '"x"',
      "true",
      "\xef\xbb\xbf{]",
      "{}{}",
      "{'a':1}",
    ]);
    return request(`POST ${r.pick(operationPaths)}`, [...asSomebody(r, k), json], body);
  },
  (r, k) => {
    const field = r.pick(["to", "text", "pool", "held", "acks", "limit", "name"]);
    const number = r.pick(["1e309", "9".repeat(400), `0.${"0".repeat(300)}1`, "-1e400"]);
    return request(`POST ${r.pick(operationPaths)}`, [...asSomebody(r, k), json], `{"${field}":${number},"xx":1}`);
  },
  (r, k) =>
    request(
      `POST ${r.pick(operationPaths)}`,
      [...asSomebody(r, k), `content-type: ${r.pick(["text/plain", "", "application/jsonx", "multipart/form-data"])}`],
      "",
    ),
  (r, k) =>
    request(
      `${r.pick(["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "GET", "PROPFIND"])} ${r.pick(operationPaths)}`,
      asSomebody(r, k),
    ),
  (r, k) =>
    request(
      `GET ${r.pick(["http://evil.example/health", "/%00", "/api/../token", "//events", "/api/send_message%20", "/events/", `/${utf8("ünï✓")}`, "/api/__proto__", "/api/toString", "*"])}`,
      asOperator(k),
    ),
  (r, k) =>
    request("GET /health", [
      ...asOperator(k),
      `origin: ${r.pick(["null", "http://127.0.0.1", "https://evil.example", ""])}`,
    ]),
  (r) => request("GET /health", [`authorization: Bearer a${r.int(9)}`, "authorization: Bearer b"]),
  (r, k) => {
    const doubled = r.pick(["x-cct-peer: a", "x-cct-secret: b", "host: evil.example", json]);
    return request(`POST ${r.pick(operationPaths)}`, [...asPeer(r, k), json, doubled], "");
  },
  (r, k) => request(`POST ${r.pick(operationPaths)}`, [...asOperator(k), json, "expect: 100-continue"], "{"),
  (r, k) =>
    request("GET /events", [
      ...asOperator(k),
      r.pick(["x-cct-peer: 1", "x-cct-secret: 1", "last-event-id: \xff", "accept: x"]),
    ]),
  (r, k) => request("POST /events", [...asPeer(r, k), `last-event-id: ${r.bytes(8).replace(/[\0-\x1f\x7f]/g, "")}`]),
  (r, k) => request(`POST ${r.pick(operationPaths)}`, [...asOperator(k), json, `x: ${"y".repeat(r.int(8000))}`], "["),
];

/** Half a megabyte at the most, and rare for that. */
const large: readonly [Make, ...Make[]] = [
  (r, k) => request(`POST ${r.pick(operationPaths)}`, [...asSomebody(r, k), json], "[".repeat(50_000)),
  (r, k) =>
    request(
      `POST ${r.pick(operationPaths)}`,
      [...asSomebody(r, k), json],
      `{"to":${"[".repeat(50_000)}${"]".repeat(50_000)},"xx":1}`,
    ),
  (r, k) =>
    request(
      "POST /api/send_message",
      [...asSomebody(r, k), json],
      `{"xx":1,"to":"bob","text":"${"x".repeat(r.int(90_000))}"}`,
    ),
  (r, k) => request(`POST ${r.pick(operationPaths)}`, [...asSomebody(r, k), json], `{${'"a":{'.repeat(20_000)}`),
];

/** What is sent over one connection: `count` requests, of which the last ends it. */
export function malformed(r: Random, known: Known, count: number): string[] {
  let wrong = 0;
  return Array.from({ length: count }, (_, i) => {
    if (i === count - 1) return r.pick(broken)(r, known);
    if (r.int(400) === 0) return r.pick(large)(r, known);
    // Every tenth, and never so many that the broker makes the address wait.
    if (r.int(10) === 0 && wrong++ < 8) return r.pick(unauthorized)(r, known);
    return r.pick(whole)(r, known);
  });
}
