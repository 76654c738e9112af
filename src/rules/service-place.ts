/** Validates what a service registers: its URL (and the place, host and port, that it occupies), health path, kind and name. */
import { CctError } from "../platform/errors.ts";
import { checkNotId, notAnId } from "./names.ts";

/** Known schemes and their default ports. */
const defaultPorts: Record<string, number | undefined> = {
  "http:": 80,
  "https:": 443,
  "ws:": 80,
  "wss:": 443,
  "tcp:": undefined,
  "udp:": undefined,
  "grpc:": undefined,
  "ftp:": 21,
  "ssh:": 22,
  "sftp:": 22,
  "smtp:": 25,
  "vnc:": 5900,
  "postgres:": 5432,
  "postgresql:": 5432,
  "mysql:": 3306,
  "redis:": 6379,
  "rediss:": 6379,
  "mongodb:": 27017,
  "amqp:": 5672,
  "amqps:": 5671,
  "mqtt:": 1883,
  "mqtts:": 8883,
  "nats:": 4222,
};

/** The characters of a URL (RFC 3986). Others could be invisible, or be parsed differently by different programs. */
const URL_TEXT = /^[\w.~:/?#[\]@!$&'()*+,;=%-]+$/;
const WITH_HOST = /^[a-z][a-z0-9+.-]*:\/\/(?=[^/?#])/i;

/** Host and port of a service. A loopback host is replaced by the machine's name. */
export interface Place {
  host: string;
  port: number;
  /** Whether the URL points to the machine on which the service was registered. */
  onMachine: boolean;
}

/** The place of a URL that was registered on `machine`. Throws `bad_request` if it is not a service URL. */
export function placeOf(text: string, machine: string): Place {
  const url = parseUrl(text);
  const port = url.port === "" ? defaultPorts[url.protocol] : Number(url.port);
  if (!port) {
    throw new CctError("bad_request", "The url has no usable port.", "Write it as in tcp://host:5432.");
  }
  const host = hostOf(url);
  return isMachineItself(host)
    ? { host: machine.toLowerCase(), port, onMachine: true }
    : { host, port, onMachine: false };
}

/** The unique key of a place in the store. */
export const placeKey = (place: Place): string => `${place.host}:${place.port}`;

function parseUrl(text: string): URL {
  const begin = WITH_HOST.exec(text)?.[0];
  if (begin === undefined || !URL_TEXT.test(text) || !URL.canParse(text)) {
    throw new CctError(
      "bad_request",
      "The url is not of the form scheme://host:port/path in plain ASCII.",
      "Write it like http://localhost:5173 or tcp://db.example:5432; percent-encode everything but letters, digits and -._~:/?#[]@!$&'()*+,;=.",
    );
  }
  if (/^[^/?#]*@/.test(text.slice(begin.length))) {
    throw new CctError(
      "bad_request",
      "The url contains a user name or password, which everybody could see.",
      "Remove everything up to the '@', and keep the password elsewhere.",
    );
  }
  const url = new URL(text);
  if (!Object.hasOwn(defaultPorts, url.protocol)) {
    const known = Object.keys(defaultPorts).map((scheme) => scheme.slice(0, -1));
    throw new CctError(
      "bad_request",
      "Unknown url scheme.",
      `Known: ${known.join(", ")}. Use tcp://host:port for anything else.`,
    );
  }
  return url;
}

/** The host in canonical form: lower case, `127.1` as `127.0.0.1`, an IPv4-mapped IPv6 address as IPv4. */
function hostOf(url: URL): string {
  // The URL parser normalizes hosts only for schemes that it knows, such as http.
  const plain = `http://${url.hostname}/`;
  const host = URL.canParse(plain) ? new URL(plain).hostname.replace(/\.$/, "") : "";
  if (host === "") throw new CctError("bad_request", "The url has no host.", "Write it like http://localhost:5173.");
  const mapped = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(host);
  if (!mapped) return host;
  const [high, low] = [Number.parseInt(mapped[1] ?? "", 16), Number.parseInt(mapped[2] ?? "", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

function isMachineItself(host: string): boolean {
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    /^127\.\d+\.\d+\.\d+$/.test(host) ||
    ["0.0.0.0", "[::1]", "[::]"].includes(host)
  );
}

/** Throws `bad_request` unless `path` is a path on the url's own host that a probe may request. */
export function checkHealthPath(url: string, path: string): void {
  if (!/^https?:/i.test(url)) {
    throw new CctError(
      "bad_request",
      "A health path needs an http or https url.",
      "Leave it out: the probe then only connects to the port.",
    );
  }
  // '//host' would mean another host.
  if (path.startsWith("/") && !path.startsWith("//") && URL_TEXT.test(path) && !path.includes("#")) return;
  throw new CctError(
    "bad_request",
    "The health_path is not a path.",
    "It starts with one '/', as in /health, and is plain ASCII.",
  );
}

const IDENTIFIER = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/i;
export const MAX_KIND = 32;
export const MAX_SERVICE_NAME = 40;

/** Throws `bad_request` if `word` is not a valid kind or name of a service. */
export function checkWord(field: "kind" | "name", word: string): void {
  const most = field === "kind" ? MAX_KIND : MAX_SERVICE_NAME;
  if (word.length <= most && IDENTIFIER.test(word)) return;
  throw new CctError(
    "bad_request",
    `Invalid ${field} of a service.`,
    `A ${field} is 1 to ${most} letters, digits, '.', '_' or '-', and starts and ends with a letter or digit.`,
  );
}

/** The checked name of a service; without one, its kind is its name. */
export function serviceName(kind: string, name: string | undefined): string {
  if (name === undefined) return notAnId(kind);
  checkWord("name", name);
  checkNotId(name, "a service's");
  return name;
}
