/**
 * Types of settings: text, numbers with limits, flags, choices, lists, a database URL. Written by hand, without the schema
 * library: every session server reads settings, and the library would take a third of its memory.
 */
import { isIP } from "node:net";
import { isOnThisMachine } from "./network.ts";
import { parseQuietHours } from "./quiet-hours.ts";

/** The port of a broker, unless another one is given. */
export const DEFAULT_PORT = 7888;

/** More brokers than a deployment has. A longer list is a mistake, and each address costs time when none answers. */
const MAX_LIST = 16;

/** A value, or what is wrong with it: what follows the setting's name in an error. Never the value itself. */
type Parsed<T> = { value: T } | { wrong: string };

/** What is declared about a setting. */
export interface SettingType<T> {
  parse(given: unknown): Parsed<T>;
  /** `undefined`: none. */
  default: T;
  /** The values that it takes, for the settings page. */
  values: string;
}

interface Limits {
  min?: number;
  /** Excluded, unlike `min`. */
  above?: number;
  max: number;
}

/** A whole number, also as text: variables and commands have no other. */
export const wholeNumber = (limits: Limits, fallback: number): SettingType<number> =>
  numeric("whole number", limits, fallback);

export const anyNumber = (limits: Limits, fallback: number): SettingType<number> => numeric("number", limits, fallback);

function numeric(kind: "number" | "whole number", { min, above, max }: Limits, fallback: number): SettingType<number> {
  return {
    default: fallback,
    values: `${kind}, ${above === undefined ? `${min} to` : `above ${above}, at most`} ${max}`,
    parse(given) {
      const value = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
      if (typeof value !== "number" || !Number.isFinite(value)) return { wrong: "must be a number" };
      if (kind === "whole number" && !Number.isInteger(value)) return { wrong: "must be a whole number" };
      if (min !== undefined && value < min) return { wrong: `must be at least ${min}` };
      if (above !== undefined && value <= above) return { wrong: `must be above ${above}` };
      return value > max ? { wrong: `must be at most ${max}` } : { value };
    },
  };
}

/** 0: no limit. */
export const limit = (count: number): SettingType<number> => wholeNumber({ min: 0, max: 1_000_000 }, count);

/** 0: forever. */
export const days = (count: number): SettingType<number> => wholeNumber({ min: 0, max: 36_500 }, count);

export function text(maxLength: number): SettingType<string | undefined>;
export function text(maxLength: number, fallback: string): SettingType<string>;
export function text(maxLength: number, fallback?: string): SettingType<string | undefined> {
  return {
    default: fallback,
    values: "text",
    parse(given) {
      if (typeof given !== "string") return { wrong: "must be text" };
      if (given === "") return { wrong: "must not be empty" };
      return given.length > maxLength ? { wrong: `must have at most ${maxLength} characters` } : { value: given };
    },
  };
}

export const flag = (fallback = false): SettingType<boolean> => ({
  default: fallback,
  values: "`true`, `false`",
  parse(given) {
    if (given === true || given === "true" || given === "1") return { value: true };
    if (given === false || given === "false" || given === "0") return { value: false };
    return { wrong: "must be true or false" };
  },
});

/** One of several words; the first one is the default. */
export function choice<Word extends string>(words: readonly [Word, ...Word[]]): SettingType<Word> {
  return {
    default: words[0],
    values: words.map((word) => `\`${word}\``).join(", "),
    parse(given) {
      const value = words.find((word) => word === given);
      return value === undefined ? { wrong: `must be one of ${words.join(", ")}` } : { value };
    },
  };
}

/** `a,b`, or a list in the file, without duplicates. */
const listOf = (parsePart: (part: string) => Parsed<string>): SettingType<string[] | undefined> => ({
  default: undefined,
  values: "text or list: `a,b`",
  parse(given) {
    const isList = Array.isArray(given) && given.every((part) => typeof part === "string");
    if (typeof given !== "string" && !isList) return { wrong: "must be text or a list" };
    const parts = (typeof given === "string" ? given.split(",") : given).map((part) => part.trim());
    const found = new Set<string>();
    for (const [i, part] of parts.entries()) {
      const parsed = parsePart(part);
      // The error does not repeat a part that is very long or may contain a password.
      const named = /^[^@?#]{0,100}$/.test(part) ? `'${part}'` : `part ${i + 1}`;
      if ("wrong" in parsed) return parts.length === 1 ? parsed : { wrong: `${named}: ${parsed.wrong}` };
      found.add(parsed.value);
    }
    if (found.size === 0) return { wrong: "the list is empty" };
    return found.size > MAX_LIST ? { wrong: `more than ${MAX_LIST}` } : { value: [...found] };
  },
});

export const brokerUrls = listOf(parseBrokerUrl);
export const fingerprints = listOf(parseFingerprint);
export const addresses = listOf(parseAddress);

/** `studio`, `192.168.1.5:7888`, `[fe80::1]:7888` or a URL. Without a scheme: plain HTTP to this machine, TLS to others. */
function parseBrokerUrl(text: string): Parsed<string> {
  const complete = /^https?:\/\//i.test(text) ? text : `https://${text}`;
  const url = text.length <= 300 && URL.canParse(complete) ? new URL(complete) : undefined;
  if (url?.pathname !== "/" || url.username || url.password || url.search || url.hash)
    return { wrong: "not a host, host:port or http(s) URL" };
  if (complete !== text && isOnThisMachine(complete)) url.protocol = "http:";
  // `url.port` is empty for the scheme's own port, so the text tells whether one was given.
  const hasPort = /:\d+$/.test(complete.replace(/\/$/, ""));
  if (!hasPort) url.port = String(DEFAULT_PORT);
  return { value: url.origin };
}

/** `127.0.0.1:7888` or `[::1]:7888`: an address, because a broker does not know its names. */
function parseAddress(text: string): Parsed<string> {
  const [, address = "", port = ""] = /^(\[[0-9a-f:.]+\]|[\d.]+):(\d{1,5})$/i.exec(text) ?? [];
  const isValid = isIP(address.replace(/^\[|\]$/g, "")) > 0 && Number(port) >= 1 && Number(port) <= 65_535;
  return isValid
    ? { value: `${address.toLowerCase()}:${Number(port)}` }
    : { wrong: "not an IP address and port (127.0.0.1:7888)" };
}

/** SHA-256, as OpenSSL, browsers and CCT print it: `SHA256:AB:CD…`, `ab cd…`. */
function parseFingerprint(text: string): Parsed<string> {
  const value = text
    .replace(/^sha256[:/]/i, "")
    .replace(/[:\s]/g, "")
    .toLowerCase();
  return /^[0-9a-f]{64}$/.test(value) ? { value } : { wrong: "a SHA-256 fingerprint has 64 hexadecimal characters" };
}

/** `wrong`: what a text that does not match is told. */
export const matching = (pattern: RegExp, wrong: string): SettingType<string | undefined> => ({
  default: undefined,
  values: "text",
  parse(given) {
    if (typeof given !== "string") return { wrong: "must be text" };
    return pattern.test(given) ? { value: given } : { wrong };
  },
});

/** An address that receives what the broker sends. Its path is often all that protects it. */
export const receiverUrl = (needsTopic?: boolean): SettingType<string | undefined> => ({
  ...text(2000),
  values: "URL",
  parse(given) {
    const parsed = text(2000).parse(given);
    if ("wrong" in parsed || parsed.value === undefined) return parsed;
    const url = /^https?:\/\//i.test(parsed.value) && URL.canParse(parsed.value) ? new URL(parsed.value) : undefined;
    if (!url) return { wrong: "must be an http:// or https:// URL" };
    if (url.username || url.password) return { wrong: "must not contain a user or a password" };
    if (needsTopic && /^\/*$/.test(url.pathname)) return { wrong: "needs a topic: https://ntfy.sh/topic" };
    return url.hash ? { wrong: "must not contain #" } : { value: url.href };
  },
});

export const words = (known: readonly string[]): SettingType<string[] | undefined> => ({
  ...listOf((part) => (known.includes(part) ? { value: part } : { wrong: `must be one of ${known.join(", ")}` })),
  values: known.map((word) => `\`${word}\``).join(", "),
});

export const quietHours: SettingType<string | undefined> = {
  default: undefined,
  values: "`22:00-07:00`, with a time zone if it is not the broker's: `22:00-07:00 Europe/Berlin`",
  parse(given) {
    if (typeof given !== "string") return { wrong: "must be text" };
    const parsed = parseQuietHours(given);
    return typeof parsed === "string" ? { wrong: parsed } : { value: given.trim() };
  },
};

export const databaseUrl: SettingType<string | undefined> = {
  ...text(2000),
  parse(given) {
    const parsed = text(2000).parse(given);
    if ("wrong" in parsed || parsed.value === undefined) return parsed;
    if (/^postgres(?:ql)?:\/\//.test(parsed.value) && URL.canParse(parsed.value)) return parsed;
    return { wrong: "not a postgres:// URL (encode : / @ # in a password as %3A %2F %40 %23)" };
  },
};
