/** All settings, declared once: name, type, limits and default. What they mean is said in `setting-docs.ts`. */
import { CctError } from "./errors.ts";
import {
  addresses,
  anyNumber,
  brokerUrls,
  choice,
  DEFAULT_PORT,
  databaseUrl,
  days,
  fingerprints,
  flag,
  limit,
  matching,
  quietHours,
  receiverUrl,
  type SettingType,
  text,
  wholeNumber,
  words,
} from "./setting-values.ts";

/** As in `needKinds` of the rules. */
const NOTIFIED_KINDS = ["blocked", "vote", "question", "held", "dead", "guard", "nohook", "service"] as const;

export const declaredSettings = {
  host: text(255, "127.0.0.1"),
  port: wholeNumber({ min: 0, max: 65_535 }, DEFAULT_PORT),
  broker: brokerUrls,
  token: matching(/^[A-Za-z0-9._~+/=-]{1,512}$/, "a token is 1 to 512 letters, digits or . _ ~ + / = -"),
  fingerprint: fingerprints,
  forwarded_to: addresses,
  name: text(200),
  take_seat: flag(true),
  delivery: choice(["inject", "block", "stop"]),
  requests: choice(["own", "work", "ask"]),
  mail_line: choice(["on", "off"]),
  blocked_on: choice(["on", "off"]),
  pool_absence_hours: anyNumber({ above: 0, max: 8760 }, 24),
  clock_confirm_seconds: wholeNumber({ min: 0, max: 86_400 }, 180),
  sends_per_minute: limit(600),
  sends_per_pair: limit(300),
  repeat_seconds: wholeNumber({ min: 0, max: 60 }, 60),
  max_hops: limit(20),
  wakes_per_hour: limit(60),
  plain_http: flag(),
  cert: text(4096),
  key: text(4096),
  poll: flag(),
  outbox: flag(),
  requests_per_second: limit(1000),
  registrations_per_minute: limit(300),
  connections_per_address: limit(1000),
  max_connections: wholeNumber({ min: 16, max: 1_000_000 }, 4096),
  max_peers: limit(10_000),
  max_pools: limit(10_000),
  max_devices: limit(1000),
  max_services: limit(10_000),
  listing_page: wholeNumber({ min: 10, max: 5000 }, 200),
  idle_heartbeat_seconds: wholeNumber({ min: 10, max: 60 }, 30),
  mailbox_messages: limit(2000),
  keep_read_days: days(30),
  keep_failed_days: days(90),
  keep_notes_days: days(90),
  keep_peers_days: days(30),
  keep_pools_days: days(90),
  page_on_network: flag(),
  notify_ntfy: receiverUrl(true),
  notify_ntfy_token: matching(/^[\w.~+/=-]{1,512}$/, "a token is 1 to 512 letters, digits or . _ ~ + / = -"),
  notify_webhook: receiverUrl(),
  notify_webhook_secret: matching(
    /^(?:whsec_)?[A-Za-z0-9+/]{32,88}={0,2}$/,
    "a secret is 24 to 64 random bytes in base64 (openssl rand -base64 32)",
  ),
  notify_kinds: words(NOTIFIED_KINDS),
  notify_after_seconds: wholeNumber({ min: 0, max: 86_400 }, 30),
  notify_quiet: quietHours,
  notify_text: flag(),
  notify_click: receiverUrl(),
  database_url: databaseUrl,
  database_pool: wholeNumber({ min: 1, max: 200 }, 10),
};

type Declared = typeof declaredSettings;
export type SettingName = keyof Declared;
export type Settings = { [N in SettingName]: Declared[N]["default"] };
/** Settings as they were written, not parsed. */
export type GivenSettings = Partial<Record<SettingName, unknown>>;

export const settingNames = Object.keys(declaredSettings) as SettingName[];

/** The environment variable of a setting. */
export const variableOf = (name: SettingName): string => `CCT_${name.toUpperCase()}`;

/** Secret values are never shown. */
export const isSecret = (name: SettingName): boolean => SECRETS.has(name);

/** Who knows the address of a topic or of a webhook can use it. */
const SECRETS: ReadonlySet<SettingName> = new Set([
  "token",
  "database_url",
  "notify_ntfy",
  "notify_ntfy_token",
  "notify_webhook",
  "notify_webhook_secret",
]);

/** The setting with this name. Throws `bad_request` if there is none. */
export function settingNamed(name: string): SettingName {
  const found = settingNames.find((known) => known === name);
  if (found) return found;
  throw new CctError("bad_request", `There is no setting '${name}'.`, "See: cct config show");
}

/** Parses all settings, with defaults. Throws `bad_request`; `where` names their place in the message. */
export function parseSettings(given: GivenSettings, where: string): Settings {
  const defaults = settingNames.map((name) => [name, declaredSettings[name].default]);
  // Every name has a value of its type: the default, or what its own `parse` returned.
  return { ...Object.fromEntries(defaults), ...parseGiven(given, where) } as Settings;
}

/** Parses only what is given, without defaults. */
export function parseGiven(given: unknown, where: string): Partial<Settings> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw invalid(where, "must be an object");
  const values = Object.entries(given).filter(([, value]) => value !== undefined);
  const parsed = new Map<string, unknown>();
  const unknown: string[] = [];
  for (const [name, value] of values) {
    const known = settingNames.find((one) => one === name);
    if (!known) unknown.push(`'${name.slice(0, 80)}'`);
    else parsed.set(known, parseOne(known, value, where));
  }
  if (unknown.length > 0) throw invalid(where, `does not take ${unknown.join(", ")}`);
  return Object.fromEntries(parsed);
}

function parseOne(name: SettingName, given: unknown, where: string): unknown {
  const type: SettingType<unknown> = declaredSettings[name];
  const parsed = type.parse(given);
  if ("value" in parsed) return parsed.value;
  throw new CctError(
    "bad_request",
    `${where}: '${name}' (or ${variableOf(name)}) ${parsed.wrong}.`,
    "Correct it, or leave it out to use the default.",
  );
}

const invalid = (where: string, wrong: string): CctError =>
  new CctError("bad_request", `${where}: ${wrong}.`, "See: cct config show");
