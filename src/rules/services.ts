/** Services: the place that one occupies, how long it lives, and who may have which place. All times are integer milliseconds. */
import { CctError } from "../platform/errors.ts";
import { SHORT_ID } from "./address.ts";
import { hasElapsed } from "./presence.ts";

/** What a probe can find. */
export const probeResults = ["healthy", "unhealthy"] as const;
export type ProbeResult = (typeof probeResults)[number];

/** What is known of a service from its probes. */
export const healths = ["unknown", ...probeResults] as const;
/** What is shown of it: nothing is known of one that nobody renews. */
export const shownHealths = [...healths, "stale"] as const;

export const MIN_TTL_S = 10;
export const MAX_TTL_S = 86_400;
/** A registration that says nothing else, made once and for no command in particular. */
export const DEFAULT_TTL_S = 3_600;
/** A stale service stays in sight at least this long, so that somebody sees that it was there. */
const SHORTEST_FAREWELL_MS = 60_000;

/** Schemes that are known, and the port that each means when none is written. */
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

/** What a URL is written with (RFC 3986). Nothing hidden, nothing that two readers take for different places. */
const URL_TEXT = /^[\w.~:/?#[\]@!$&'()*+,;=%-]+$/;
const WITH_HOST = /^[a-z][a-z0-9+.-]*:\/\/(?=[^/?#])/i;

/** Where a service is: on which host (a machine's name for the machine itself), on which port. */
export interface Place {
  host: string;
  port: number;
  /** Whether the URL means the machine on which the service was registered. */
  onMachine: boolean;
}

/** The place that a URL occupies, seen from `machine`. Throws `bad_request` when it can be no service's. */
export function placeOf(text: string, machine: string): Place {
  const url = parseUrl(text);
  const port = url.port === "" ? defaultPorts[url.protocol] : Number(url.port);
  if (!port) {
    throw new CctError("bad_request", "The url names no port that can be reached.", "Write it as in tcp://host:5432.");
  }
  const host = hostOf(url);
  return isMachineItself(host)
    ? { host: machine.toLowerCase(), port, onMachine: true }
    : { host, port, onMachine: false };
}

/** The text under which an endpoint is kept. */
export const placeKey = (endpoint: Place): string => `${endpoint.host}:${endpoint.port}`;

function parseUrl(text: string): URL {
  const begin = WITH_HOST.exec(text)?.[0];
  if (begin === undefined || !URL_TEXT.test(text) || !URL.canParse(text)) {
    throw new CctError(
      "bad_request",
      "The url cannot be used: it is not of the form scheme://host:port/path in plain ASCII.",
      "Write it like http://localhost:5173 or tcp://db.example:5432; anything but letters, digits and -._~:/?#[]@!$&'()*+,;= goes percent-encoded.",
    );
  }
  if (/^[^/?#]*@/.test(text.slice(begin.length))) {
    throw new CctError(
      "bad_request",
      "The url holds a user name or a password, and everybody would see it.",
      "Leave out everything up to the '@', and keep the password elsewhere.",
    );
  }
  const url = new URL(text);
  if (!Object.hasOwn(defaultPorts, url.protocol)) {
    const known = Object.keys(defaultPorts).map((scheme) => scheme.slice(0, -1));
    throw new CctError(
      "bad_request",
      "The url's scheme is not a service's.",
      `Known are ${known.join(", ")}; use tcp://host:port for anything else.`,
    );
  }
  return url;
}

/** The host in one spelling: lower case, `127.1` as `127.0.0.1`, an IPv4 address inside an IPv6 one as itself. */
function hostOf(url: URL): string {
  // URLs leave hosts of schemes that they do not know as they stand, and never those of http.
  const plain = `http://${url.hostname}/`;
  const host = URL.canParse(plain) ? new URL(plain).hostname.replace(/\.$/, "") : "";
  if (host === "") throw new CctError("bad_request", "The url names no host.", "Write it like http://localhost:5173.");
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

/** Throws `bad_request` unless `path` is one that a probe may ask the url's own host for. */
export function checkHealthPath(url: string, path: string): void {
  if (!/^https?:/i.test(url)) {
    throw new CctError(
      "bad_request",
      "A health path is for http and https.",
      "Leave it out: a connection to the port is tried.",
    );
  }
  // '//host' would be read as another host.
  if (path.startsWith("/") && !path.startsWith("//") && URL_TEXT.test(path) && !path.includes("#")) return;
  throw new CctError(
    "bad_request",
    "The health_path is not a path.",
    "It begins with one '/', as in /health, and is plain ASCII.",
  );
}

const WORD = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/i;
export const MAX_KIND = 32;
export const MAX_SERVICE_NAME = 40;

/** Throws `bad_request` when `word` cannot be a service's kind or name. */
export function checkWord(field: "kind" | "name", word: string): void {
  const most = field === "kind" ? MAX_KIND : MAX_SERVICE_NAME;
  if (word.length <= most && WORD.test(word)) return;
  throw new CctError(
    "bad_request",
    `That cannot be a service's ${field}.`,
    `A ${field} is 1 to ${most} letters, digits, '.', '_' or '-', and begins and ends with a letter or digit.`,
  );
}

/** What a service's life depends on. */
export interface Registration {
  renewed_at: number;
  ttl: number;
}

export const expiresAt = (lease: Registration): number => lease.renewed_at + lease.ttl;

/** Nobody has renewed it in time: it is shown as such, and its place is free for others. */
export function isStale(lease: Registration, now: number): boolean {
  return hasElapsed(lease.renewed_at, lease.ttl, now);
}

/**
 * It has been stale for another TTL, a minute at least: it is removed. A clock that was set back makes services stale,
 * but removes none: their owners may well be there.
 */
export function isRemovable(lease: Registration, now: number): boolean {
  return now >= expiresAt(lease) + Math.max(lease.ttl, SHORTEST_FAREWELL_MS);
}

export interface Occupant {
  service_id: string;
  owner: string;
}

/**
 * What a registration does with the service that is at its endpoint already. `again`: it is that one, and updates it.
 * `instead`: that one is nobody's any more. `taken`: it is refused.
 *
 * A registration with a service_id of its own making speaks for one running command: another command's service is
 * taken, also when it is the same owner's.
 */
export function decideRegistration(
  there: (Occupant & Registration) | undefined,
  wanted: { owner: string; service_id: string | undefined },
  now: number,
): "new" | "again" | "instead" | "taken" {
  if (!there) return "new";
  if (isRemovable(there, now)) return "instead";
  const same = there.owner === wanted.owner && (wanted.service_id ?? there.service_id) === there.service_id;
  if (same) return "again";
  return isStale(there, now) ? "instead" : "taken";
}

export interface Named {
  service_id: string;
  name: string;
  url: string;
  owner: string;
  owner_name: string;
}

/**
 * The one service that `ref` names: by its id, by name (case does not count), by URL, or by the id's first four or more
 * characters. The caller's own come first; apart from that never a guess: none is `not_found`, several are `ambiguous`
 * and named.
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
    throw new CctError("ambiguous", `That fits ${best.length} services: ${list(best)}.`, "Use the id.");
  }
  const known = services.length ? `There are: ${list(services)}.` : "None is registered.";
  throw new CctError("not_found", "There is no such service.", `${known} See list_services.`);
}

function list(services: readonly Named[]): string {
  const shown = services
    .slice(0, 8)
    .map(({ name, service_id, owner_name }) => `${name} (${service_id.slice(0, 8)}, of ${owner_name})`);
  return services.length > 8 ? `${shown.join(", ")} and ${services.length - 8} more` : shown.join(", ");
}
