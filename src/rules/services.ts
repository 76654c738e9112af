/** The service registry: parsing URLs, TTLs, who may register at which place, resolving references. Times in milliseconds. */
import { CctError } from "../platform/errors.ts";
import { SHORT_ID } from "./address.ts";
import { hasElapsed } from "./presence.ts";

/** Results of a health probe. */
export const probeResults = ["healthy", "unhealthy"] as const;
export type ProbeResult = (typeof probeResults)[number];

/** Stored health of a service. */
export const healths = ["unknown", ...probeResults] as const;
/** Displayed health: a service that is not renewed is `stale`. */
export const shownHealths = [...healths, "stale"] as const;

export const MIN_TTL_S = 10;
export const MAX_TTL_S = 86_400;
/** For a registration without a TTL of its own. */
export const DEFAULT_TTL_S = 3_600;
/** A stale service stays listed at least this long, so that people notice that it is missing. */
const MIN_STALE_MS = 60_000;

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

/** When a service was last renewed, and for how long that is valid. */
export interface Registration {
  renewed_at: number;
  ttl: number;
}

export const expiresAt = (lease: Registration): number => lease.renewed_at + lease.ttl;

/** The TTL has passed without renewal: the service is shown as stale, and others can take its place. */
export function isStale(lease: Registration, now: number): boolean {
  return hasElapsed(lease.renewed_at, lease.ttl, now);
}

/**
 * Stale for another TTL, and at least a minute: the sweep removes it. A clock that was set back makes services stale but
 * removes none, because their owners are probably still there.
 */
export function isRemovable(lease: Registration, now: number): boolean {
  return now >= expiresAt(lease) + Math.max(lease.ttl, MIN_STALE_MS);
}

export interface Occupant {
  service_id: string;
  owner: string;
}

/**
 * Decides a registration at a place. `update`: the same service registers again. `replace`: the service there is stale.
 * `taken`: the registration is rejected.
 *
 * A registration with its own service_id stands for one running command. The service of another command is `taken`, even
 * if both have the same owner.
 */
export function decideRegistration(
  current: (Occupant & Registration) | undefined,
  wanted: { owner: string; service_id: string | undefined },
  now: number,
): "new" | "update" | "replace" | "taken" {
  if (!current) return "new";
  if (isRemovable(current, now)) return "replace";
  const same = current.owner === wanted.owner && (wanted.service_id ?? current.service_id) === current.service_id;
  if (same) return "update";
  return isStale(current, now) ? "replace" : "taken";
}

export interface Named {
  service_id: string;
  name: string;
  url: string;
  owner: string;
  owner_name: string;
}

/**
 * Resolves a reference to a service: its id, its name (case-insensitive), its URL, or an id prefix of at least four
 * characters. The caller's own services win. Otherwise it never guesses: throws `not_found`, or `ambiguous` with the
 * candidates.
 */
export function resolveService<S extends Named>(ref: string, services: readonly S[], caller: string): S {
  const wanted = ref.toLowerCase();
  const exact = services.find(({ service_id }) => service_id === wanted);
  if (exact) return exact;
  const href = URL.canParse(ref) ? new URL(ref).href : undefined;
  const named = services.filter(
    ({ name, url }) => name.toLowerCase() === wanted || (href !== undefined && new URL(url).href === href),
  );
  const hits =
    named.length > 0 || wanted.length < SHORT_ID
      ? named
      : services.filter(({ service_id }) => service_id.startsWith(wanted));
  const own = hits.filter(({ owner }) => owner === caller);
  const best = own.length > 0 ? own : hits;
  const [only] = best;
  if (only && best.length === 1) return only;
  if (best.length > 1) {
    throw new CctError("ambiguous", `That matches ${best.length} services: ${list(best)}.`, "Use the id.");
  }
  const known = services.length ? `Registered: ${list(services)}.` : "None is registered.";
  throw new CctError("not_found", "There is no such service.", `${known} See list_services.`);
}

function list(services: readonly Named[]): string {
  const shown = services
    .slice(0, 8)
    .map(({ name, service_id, owner_name }) => `${name} (${service_id.slice(0, 8)}, of ${owner_name})`);
  return services.length > 8 ? `${shown.join(", ")} and ${services.length - 8} more` : shown.join(", ");
}
