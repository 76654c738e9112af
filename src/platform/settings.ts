/** All settings, declared once: name, type, limits, default and description. */
import * as z from "zod";
import { CctError } from "./errors.ts";
import { issueWords } from "./issues.ts";
import { addresses, brokerUrls, DEFAULT_PORT, databaseUrl, days, fingerprints, flag, limit } from "./setting-values.ts";

export const settingsSchema = z.strictObject({
  host: z.string().min(1).max(255).default("127.0.0.1").describe("address that the broker listens on"),
  port: z.coerce.number().int().min(0).max(65535).default(DEFAULT_PORT).describe("port that the broker listens on"),
  broker: brokerUrls()
    .optional()
    .describe("use the broker at this host[:port] or URL, or one of several (a,b,c), instead of the one of this home"),
  token: z
    .string()
    .regex(/^[A-Za-z0-9._~+/=-]{1,512}$/, "a token is 1 to 512 letters, digits or . _ ~ + / = -")
    .optional()
    .describe("this machine's token for the broker"),
  fingerprint: fingerprints()
    .optional()
    .describe("SHA-256 of the broker's certificate, or of each broker's (a,b,c); any other certificate is refused"),
  forwarded_to: addresses()
    .optional()
    .describe(
      "address:port on which the broker itself listens (a,b,c), if 'broker' leads to it by plain HTTP through a tunnel or port mapping",
    ),
  name: z.string().min(1).max(200).optional().describe("name of this session"),
  delivery: z
    .enum(["inject", "block"])
    .default("inject")
    .describe("inject: mail is shown beside the next tool result; block: mail denies the next tool call"),
  pool_absence_hours: z.coerce
    .number()
    .positive()
    .max(8760)
    .default(24)
    .describe("a member that is offline for this long is released from its pools"),
  clock_confirm_seconds: z.coerce
    .number()
    .int()
    .min(0)
    .max(86_400)
    .default(180)
    .describe(
      "how long the clock must be steady before anything expires, is deleted or released; 0: believe it at once",
    ),
  sends_per_minute: limit(
    600,
    "messages that one peer may cause per minute; one to a pool counts once for each recipient",
  ),
  sends_per_pair: limit(300, "messages that one peer may send to one address per minute"),
  repeat_seconds: z.coerce
    .number()
    .int()
    .min(0)
    .max(60)
    .default(60)
    .describe("seconds in which an identical text to the same address is refused; 0: no limit"),
  max_hops: limit(20, "messages in one chain of replies"),
  wakes_per_hour: limit(60, "how often mail may wake one session per hour; one sender: three quarters of it"),
  plain_http: flag().describe(
    "true: use plain HTTP with other machines too; anyone on the network can then read and change everything",
  ),
  cert: z.string().min(1).max(4096).optional().describe("your own certificate for other machines (PEM file)"),
  key: z.string().min(1).max(4096).optional().describe("its private key (PEM file)"),
  poll: flag().describe(
    "true: ask the model to check for mail once a minute, for hosts that mail cannot wake; each check is a paid turn",
  ),
  outbox: flag().describe("true: keep what a session sends while the broker is away, and send it when it is back"),
  requests_per_second: limit(
    1000,
    "cheap requests with one token per second, averaged over five seconds; a tenth for an address without one",
  ),
  registrations_per_minute: limit(300, "new peers with one token per minute"),
  connections_per_address: limit(1000, "open connections from one network address"),
  max_peers: limit(10_000, "registered peers in total"),
  mailbox_messages: limit(2000, "messages of one sender that wait for one peer; of all senders twice as many"),
  keep_read_days: days(30, "messages that all their recipients have read"),
  keep_failed_days: days(90, "messages that ended unread (expired, refused, dead)"),
  keep_notes_days: days(90, "notes to the operator, decided proposals and revoked devices"),
  keep_peers_days: days(30, "peers that are away, without waiting mail, pool, service or open vote"),
  keep_pools_days: days(90, "archived pools, and longer while their messages are kept"),
  database_url: databaseUrl()
    .optional()
    .describe("PostgreSQL instead of the file in the home; any number of brokers may share it"),
  database_pool: z.coerce.number().int().min(1).max(200).default(10).describe("maximum number of database connections"),
});

const partialSchema = settingsSchema.partial();

export type Settings = z.output<typeof settingsSchema>;
export type SettingName = keyof Settings;
/** Settings as they were written, not parsed. */
export type GivenSettings = Partial<Record<SettingName, unknown>>;

export const settingNames = Object.keys(settingsSchema.shape) as SettingName[];

/** The environment variable of a setting. */
export const variableOf = (name: SettingName): string => `CCT_${name.toUpperCase()}`;

/** Secret values are never shown. */
export const isSecret = (name: SettingName): boolean => name === "token" || name === "database_url";

/** The setting with this name. Throws `bad_request` if there is none. */
export function settingNamed(name: string): SettingName {
  const found = settingNames.find((known) => known === name);
  if (found) return found;
  throw new CctError("bad_request", `There is no setting '${name}'.`, "See: cct config show");
}

/** Parses all settings, with defaults. Throws `bad_request`; `where` names their place in the message. */
export function parseSettings(given: GivenSettings, where: string): Settings {
  const parsed = settingsSchema.safeParse(given);
  if (!parsed.success) throw settingError(parsed.error, where);
  return parsed.data;
}

/** Parses only what is given, without defaults. */
export function parseGiven(given: unknown, where: string): GivenSettings {
  const parsed = partialSchema.safeParse(given);
  if (!parsed.success) throw settingError(parsed.error, where);
  // `partial` still fills in defaults.
  const names = new Set(Object.keys(given as object));
  return Object.fromEntries(Object.entries(parsed.data).filter(([name]) => names.has(name)));
}

function settingError(error: z.ZodError, where: string): CctError {
  const [issue] = error.issues;
  const path = issue?.path.join(".") ?? "";
  const setting = settingNames.find((name) => name === path);
  const place = path && `'${path}'${setting ? ` (or ${variableOf(setting)})` : ""} `;
  return new CctError(
    "bad_request",
    `${where}: ${place}${issue ? issueWords(issue) : "is invalid"}.`,
    setting ? "Correct it, or leave it out to use the default." : "See: cct config show",
  );
}
