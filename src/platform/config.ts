/** One schema for all settings: defaults < `config.json` in the home < `CCT_*` < flags. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import * as z from "zod";
import { CctError, systemCode } from "./errors.ts";
import { readTrusted } from "./home.ts";
import type { World } from "./world.ts";

const limit = (count: number, what: string) =>
  z.coerce.number().int().min(0).max(1_000_000).default(count).describe(`${what}; 0: no limit`);

const days = (count: number, what: string) =>
  z.coerce.number().int().min(0).max(36_500).default(count).describe(`for so many days ${what}; 0: for ever`);

const flag = () =>
  z
    .union([z.boolean(), z.enum(["true", "false", "1", "0"]).transform((word) => word === "true" || word === "1")])
    .default(false);

/** Where other machines find a broker unless they are told another port. */
const DEFAULT_PORT = 7888;

/** Whether an address or name is this machine's loopback; an IPv6 address may stand in brackets. */
export const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);

/** Whether a URL leads to this machine itself, over its loopback. */
export const isOnThisMachine = (url: string): boolean => URL.canParse(url) && isLoopback(new URL(url).hostname);

/** A database's URL; the text may hold a password, so that no error repeats it. */
function databaseUrl(text: string, context: z.RefinementCtx): string {
  if (/^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text)) return text;
  context.issues.push({
    code: "custom",
    message: "not a postgres:// URL (encode : / @ # in a password as %3A %2F %40 %23)",
    input: "",
  });
  return z.NEVER;
}

/** More than a deployment has; what is longer is a mistake, and each address costs time when none answers. */
const MAX_LISTED = 16;

/** `a,b`, or a list in the file, each part read by `one`, which answers what is wrong with it. What stands twice counts once. */
const listOf = (one: (part: string) => { value: string } | { wrong: string }) =>
  z.union([z.string(), z.array(z.string())]).transform((given, context): string[] => {
    const parts = (typeof given === "string" ? given.split(",") : given).map((part) => part.trim());
    const found = new Set<string>();
    const refuse = (message: string): never => {
      context.issues.push({ code: "custom", message, input: given });
      return z.NEVER;
    };
    for (const [i, part] of parts.entries()) {
      const read = one(part);
      // A part that may hold a password, or goes on and on, is not repeated.
      const named = /^[^@?#]{0,100}$/.test(part) ? `'${part}'` : `part ${i + 1}`;
      if ("wrong" in read) return refuse(parts.length === 1 ? read.wrong : `${named}: ${read.wrong}`);
      found.add(read.value);
    }
    if (found.size === 0) return refuse("the list is empty");
    if (found.size > MAX_LISTED) return refuse(`more than ${MAX_LISTED}`);
    return [...found];
  });

/** `studio`, `192.168.1.5:7888`, `[fe80::1]:7888` or a URL, as a URL. Without a scheme: TLS, but to this machine. */
function brokerUrl(text: string): { value: string } | { wrong: string } {
  const complete = /^https?:\/\//i.test(text) ? text : `https://${text}`;
  const url = text.length <= 300 && URL.canParse(complete) ? new URL(complete) : undefined;
  if (url?.pathname !== "/" || url.username || url.password || url.search || url.hash)
    return { wrong: "not a host, host:port or http(s) URL" };
  if (complete !== text && isOnThisMachine(complete)) url.protocol = "http:";
  // URLs do not show the port that is their scheme's own.
  const named = /:\d+$/.test(complete.replace(/\/$/, ""));
  if (!named) url.port = String(DEFAULT_PORT);
  return { value: url.origin };
}

/** As OpenSSL, browsers and CCT itself write it: `SHA256:AB:CD…`, `ab cd…`. */
function fingerprintOf(text: string): { value: string } | { wrong: string } {
  const value = text
    .replace(/^sha256[:/]/i, "")
    .replace(/[:\s]/g, "")
    .toLowerCase();
  return /^[0-9a-f]{64}$/.test(value) ? { value } : { wrong: "a SHA-256 fingerprint has 64 hexadecimal characters" };
}

export const schema = z.strictObject({
  host: z.string().min(1).max(255).default("127.0.0.1").describe("address that the broker listens on"),
  port: z.coerce.number().int().min(0).max(65535).default(DEFAULT_PORT).describe("port that the broker listens on"),
  broker: listOf(brokerUrl)
    .optional()
    .describe("use the broker at this host[:port] or URL, or one of several (a,b,c), instead of the one of this home"),
  token: z
    .string()
    .regex(/^[A-Za-z0-9._~+/=-]{1,512}$/, "a token is 1 to 512 letters, digits or . _ ~ + / = -")
    .optional()
    .describe("this machine's token for the broker"),
  fingerprint: listOf(fingerprintOf)
    .optional()
    .describe("SHA-256 of the broker's certificate, or of each broker's (a,b,c): no other one is accepted"),
  name: z.string().min(1).max(200).optional().describe("name of this session"),
  delivery: z
    .enum(["inject", "block"])
    .default("inject")
    .describe("inject: mail is shown beside the next tool call; block: mail denies the next tool call"),
  pool_absence_hours: z.coerce
    .number()
    .positive()
    .max(8760)
    .default(24)
    .describe("a member that was offline for so long is let go from its pools"),
  sends_per_minute: limit(600, "messages that one peer may send within a minute"),
  sends_per_pair: limit(300, "messages that one peer may send to one address within a minute"),
  repeat_seconds: z.coerce
    .number()
    .int()
    .min(0)
    .max(60)
    .default(60)
    .describe("for so long the very same text is not sent to the same address again; 0: no limit"),
  max_hops: limit(20, "messages in one chain of replies"),
  wakes_per_hour: limit(60, "how often mail may wake one session within an hour"),
  plain_http: flag().describe(
    "true: speak plain HTTP to other machines too; whoever is on the way can read and change everything",
  ),
  cert: z.string().min(1).max(4096).optional().describe("your own certificate for other machines (PEM file)"),
  key: z.string().min(1).max(4096).optional().describe("its private key (PEM file)"),
  poll: flag().describe(
    "true: ask the model to look for mail once a minute, for hosts that mail cannot wake; each look is a paid turn",
  ),
  outbox: flag().describe("true: keep what a session sends while the broker is away, and send it when it is back"),
  requests_per_second: limit(1000, "requests from one network address within a second, as an average over five"),
  registrations_per_minute: limit(300, "new peers from one network address within a minute"),
  connections_per_address: limit(1000, "open connections from one network address"),
  max_peers: limit(10_000, "peers that are registered in all"),
  mailbox_messages: limit(2000, "messages that wait for one peer"),
  keep_read_days: days(30, "messages that all their recipients have read are kept"),
  keep_failed_days: days(90, "messages that ended unread (expired, refused, dead) are kept"),
  keep_notes_days: days(90, "notes to the operator and decided proposals are kept"),
  database_url: z
    .string()
    .max(2000)
    .transform(databaseUrl)
    .optional()
    .describe("PostgreSQL instead of the file in the home; any number of brokers may share it"),
  database_pool: z.coerce.number().int().min(1).max(200).default(10).describe("connections to it at the most"),
});

export type Settings = z.output<typeof schema>;
export type SettingName = keyof Settings;
export type Config = Settings & { home: string };

const settingNames = Object.keys(schema.shape) as SettingName[];

const variables: Record<SettingName, string> = {
  host: "CCT_HOST",
  port: "CCT_PORT",
  broker: "CCT_BROKER",
  name: "CCT_NAME",
  delivery: "CCT_DELIVERY",
  pool_absence_hours: "CCT_POOL_ABSENCE_HOURS",
  sends_per_minute: "CCT_SENDS_PER_MINUTE",
  sends_per_pair: "CCT_SENDS_PER_PAIR",
  repeat_seconds: "CCT_REPEAT_SECONDS",
  max_hops: "CCT_MAX_HOPS",
  wakes_per_hour: "CCT_WAKES_PER_HOUR",
  plain_http: "CCT_PLAIN_HTTP",
  cert: "CCT_CERT",
  key: "CCT_KEY",
  token: "CCT_TOKEN",
  fingerprint: "CCT_FINGERPRINT",
  poll: "CCT_POLL",
  outbox: "CCT_OUTBOX",
  requests_per_second: "CCT_REQUESTS_PER_SECOND",
  registrations_per_minute: "CCT_REGISTRATIONS_PER_MINUTE",
  connections_per_address: "CCT_CONNECTIONS_PER_ADDRESS",
  max_peers: "CCT_MAX_PEERS",
  mailbox_messages: "CCT_MAILBOX_MESSAGES",
  keep_read_days: "CCT_KEEP_READ_DAYS",
  keep_failed_days: "CCT_KEEP_FAILED_DAYS",
  keep_notes_days: "CCT_KEEP_NOTES_DAYS",
  database_url: "CCT_DATABASE_URL",
  database_pool: "CCT_DATABASE_POOL",
};

/** Never shown, and never handed on. */
export const isSecret = (name: SettingName): boolean => name === "token" || name === "database_url";

/** What only a session or a command has to know. */
const notTheBrokers: readonly SettingName[] = ["broker", "token", "fingerprint", "name", "delivery", "poll", "outbox"];

/** The settings of a broker as variables, for one that is started from here with what is in force here. */
export function brokerVariables(config: Config): Record<string, string> {
  const names = settingNames.filter((name) => !notTheBrokers.includes(name));
  return Object.fromEntries(
    names.flatMap((name) => (config[name] === undefined ? [] : [[variables[name], String(config[name])]])),
  );
}

export function homeOf(world: Pick<World, "env" | "cwd">): string {
  const set = world.env.CCT_HOME;
  return set ? resolve(world.cwd, set) : join(world.env.HOME || homedir(), ".cct");
}

export const configPath = (home: string): string => join(home, "config.json");

/** The settings in force. Throws `bad_request`, naming the place, when one cannot be used. */
export function loadConfig(
  world: Pick<World, "env" | "cwd">,
  flags: Partial<Record<SettingName, unknown>> = {},
): Config {
  const home = homeOf(world);
  const settings: Record<string, unknown> = {};
  for (const { value, name } of layers(world, home, flags)) settings[name] = value;
  return { ...parse(settings, "The configuration"), home };
}

export interface Setting {
  name: SettingName;
  value: unknown;
  source: string;
}

/** Every setting with its value and where that came from. */
export function explainConfig(world: Pick<World, "env" | "cwd">): Setting[] {
  const home = homeOf(world);
  const config = loadConfig(world);
  const found = [...layers(world, home, {})];
  return settingNames.map((name) => ({
    name,
    value: isSecret(name) && config[name] !== undefined ? "(set)" : (config[name] ?? null),
    source: found.findLast((layer) => layer.name === name)?.source ?? "default",
  }));
}

function* layers(
  world: Pick<World, "env">,
  home: string,
  flags: Partial<Record<SettingName, unknown>>,
): Generator<Setting> {
  const file = readConfigFile(home);
  for (const name of settingNames)
    if (file[name] !== undefined) yield { name, value: file[name], source: configPath(home) };
  for (const name of settingNames) {
    const value = world.env[variables[name]];
    if (value !== undefined && value !== "") yield { name, value, source: variables[name] };
  }
  for (const name of settingNames) if (flags[name] !== undefined) yield { name, value: flags[name], source: "flag" };
}

function readConfigFile(home: string): Partial<Record<SettingName, unknown>> {
  const path = configPath(home);
  let text: string;
  try {
    const found = readTrusted(path);
    if (found === undefined) return {};
    text = found;
  } catch (error) {
    if (error instanceof CctError) throw error;
    throw new CctError("bad_request", `${path} cannot be read (${systemCode(error)}).`, "Check its owner and mode.");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CctError("bad_request", `${path} is not valid JSON.`, "Correct it, or delete it to have the defaults.");
  }
  return parsePartial(value, path);
}

const partial = schema.partial();

function parsePartial(value: unknown, where: string): Partial<Record<SettingName, unknown>> {
  const parsed = partial.safeParse(value);
  if (!parsed.success) throw settingError(parsed.error, where);
  // `partial` still fills in defaults; only what was written counts here.
  const written = new Set(Object.keys(value as object));
  return Object.fromEntries(Object.entries(parsed.data).filter(([name]) => written.has(name)));
}

function parse(settings: unknown, where: string): Settings {
  const parsed = schema.safeParse(settings);
  if (!parsed.success) throw settingError(parsed.error, where);
  return parsed.data;
}

function settingError(error: z.ZodError, where: string): CctError {
  const [issue] = error.issues;
  const name = issue?.path.join(".") ?? "";
  const variable = name in variables ? ` (or ${variables[name as SettingName]})` : "";
  return new CctError(
    "bad_request",
    `${where}: ${name ? `'${name}'${variable}: ` : ""}${issue?.message ?? "not usable"}.`,
    `Settings are ${settingNames.join(", ")}.`,
  );
}

/** The text of a `config.json` with these settings changed, or removed (`undefined`). Throws `bad_request` for a bad value. */
export function withSettings(home: string, settings: Partial<Record<SettingName, unknown>>): string {
  const file: Record<string, unknown> = { ...readConfigFile(home), ...settings };
  for (const [name, value] of Object.entries(file)) if (value === undefined) delete file[name];
  return `${JSON.stringify(parsePartial(file, "config set"), null, 2)}\n`;
}

/** The name of a setting; throws `bad_request` when there is none of it. */
export function settingNamed(name: string): SettingName {
  const found = settingNames.find((known) => known === name);
  if (found) return found;
  throw new CctError("bad_request", `There is no setting '${name}'.`, `Settings are ${settingNames.join(", ")}.`);
}
