/** All settings, declared once: name, type, limits, default and description. */
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
  host: text(255, "address that the broker listens on", "127.0.0.1"),
  port: wholeNumber({ min: 0, max: 65_535 }, DEFAULT_PORT, "port that the broker listens on"),
  broker: brokerUrls(
    "use the broker at this host[:port] or URL, or one of several (a,b,c), instead of the one of this home",
  ),
  token: matching(
    /^[A-Za-z0-9._~+/=-]{1,512}$/,
    "a token is 1 to 512 letters, digits or . _ ~ + / = -",
    "this machine's token for the broker",
  ),
  fingerprint: fingerprints(
    "SHA-256 of the broker's certificate, or of each broker's (a,b,c); any other certificate is refused",
  ),
  forwarded_to: addresses(
    "address:port on which the broker itself listens (a,b,c), if 'broker' leads to it by plain HTTP through a tunnel or port mapping",
  ),
  name: text(200, "name of this session: its seat, which waits for the next session with that name"),
  take_seat: flag(
    "true: a session with a given name takes over the name and the mailbox of one that had it and is away; false: it is a new peer",
    true,
  ),
  delivery: choice(
    ["inject", "block", "stop"],
    "inject: mail is shown beside the next tool result; block: mail denies the next tool call; stop: as inject, and it continues the turn of `claude -p`, whose output is then the answer to the mail",
  ),
  requests: choice(
    ["own", "work", "ask"],
    "own: the model does what sessions of the same user ask if it fits its work, and asks its user about requests of others; work: treats all senders like the same user's sessions; ask: asks about all but the operator",
  ),
  mail_line: choice(["on", "off"], "on: the terminal shows the user one line about mail when it arrives"),
  blocked_on: choice(
    ["on", "off"],
    "on: a session that waits for a permission says what for: the operator sees the tool and its command, file or address, others the tool; off: only that it waits",
  ),
  pool_absence_hours: anyNumber(
    { above: 0, max: 8760 },
    24,
    "a member that is offline for this long is released from its pools",
  ),
  clock_confirm_seconds: wholeNumber(
    { min: 0, max: 86_400 },
    180,
    "how long the clock must be steady before anything expires, is deleted or released; 0: believe it at once",
  ),
  sends_per_minute: limit(
    600,
    "messages that one peer may cause per minute; one to a pool counts once for each recipient",
  ),
  sends_per_pair: limit(300, "messages that one peer may send to one address per minute"),
  repeat_seconds: wholeNumber(
    { min: 0, max: 60 },
    60,
    "seconds in which an identical text to the same address is refused; 0: no limit",
  ),
  max_hops: limit(20, "messages in one chain of replies"),
  wakes_per_hour: limit(60, "how often mail may wake one session per hour; one sender: three quarters of it"),
  plain_http: flag(
    "true: use plain HTTP with other machines too; anyone on the network can then read and change everything",
  ),
  cert: text(4096, "your own certificate for other machines (PEM file)"),
  key: text(4096, "its private key (PEM file)"),
  poll: flag(
    "true: ask the model to check for mail once a minute, for hosts that mail cannot wake; each check is a paid turn",
  ),
  outbox: flag("true: keep what a session sends while the broker is away, and send it when it is back"),
  requests_per_second: limit(
    1000,
    "cheap requests with one token per second, averaged over five seconds; a tenth for an address without one",
  ),
  registrations_per_minute: limit(300, "new peers with one token per minute"),
  connections_per_address: limit(1000, "open connections from one network address"),
  max_connections: wholeNumber(
    { min: 16, max: 1_000_000 },
    4096,
    "open connections in total; a session has two or three, and each takes an open file",
  ),
  max_peers: limit(10_000, "registered peers in total"),
  max_pools: limit(10_000, "active pools in total"),
  max_devices: limit(1000, "devices that have a token"),
  max_services: limit(10_000, "registered services in total"),
  listing_page: wholeNumber({ min: 10, max: 5000 }, 200, "rows in one page of a listing, if the caller names no limit"),
  idle_heartbeat_seconds: wholeNumber(
    { min: 10, max: 60 },
    30,
    "interval of heartbeats of an idle session without mail; one that ends without a word is offline 35 seconds later",
  ),
  mailbox_messages: limit(2000, "messages of one sender that wait for one peer; of all senders twice as many"),
  keep_read_days: days(30, "messages that all their recipients have read"),
  keep_failed_days: days(90, "messages that ended unread (expired, refused, dead)"),
  keep_notes_days: days(90, "notes to the operator, decided proposals and revoked devices"),
  keep_peers_days: days(30, "peers that are away, without waiting mail, pool, service or open vote"),
  keep_pools_days: days(90, "archived pools, and longer while their messages are kept"),
  page_on_network: flag(
    "true: machines with a token may open the page too, over TLS, and see there what their token shows, and so may phones that 'cct open --phone' lets in; false: only the broker's own machine",
  ),
  notify_ntfy: receiverUrl("notify the operator by push: the address of an ntfy topic", true),
  notify_ntfy_token: matching(
    /^[\w.~+/=-]{1,512}$/,
    "a token is 1 to 512 letters, digits or . _ ~ + / = -",
    "access token for that topic, if its server asks for one",
  ),
  notify_webhook: receiverUrl("notify the operator by a webhook: the address that gets a POST with JSON"),
  notify_webhook_secret: matching(
    /^(?:whsec_)?[A-Za-z0-9+/]{32,88}={0,2}$/,
    "a secret is 24 to 64 random bytes in base64 (openssl rand -base64 32)",
    "signs what the webhook gets (Standard Webhooks), so that the receiver can check that it comes from this broker",
  ),
  notify_kinds: words(NOTIFIED_KINDS, "kinds of needs that are sent; without it, all of these"),
  notify_after_seconds: wholeNumber(
    { min: 0, max: 86_400 },
    30,
    "what needs nobody any more after so many seconds is not sent",
  ),
  notify_quiet: quietHours("hours in which no notifications are sent; what still needs you is sent when they are over"),
  notify_text: flag(
    "true: also the beginning of messages, reasons, and the commands, files, directories and URLs that 'cct attention' shows; false: names and numbers only",
  ),
  notify_click: receiverUrl("address that a notification opens, for example that of the page"),
  database_url: databaseUrl("PostgreSQL instead of the file in the home; any number of brokers may share it"),
  database_pool: wholeNumber({ min: 1, max: 200 }, 10, "maximum number of database connections"),
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
