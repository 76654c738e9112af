/** Parsers for values of settings: numbers with limits, flags, lists, broker URLs, fingerprints, a database URL. */
import { isIP } from "node:net";
import * as z from "zod";
import { isOnThisMachine } from "./network.ts";

/** The port of a broker, unless another one is given. */
export const DEFAULT_PORT = 7888;

/** More brokers than a deployment has. A longer list is a mistake, and each address costs time when none answers. */
const MAX_LIST = 16;

/** A value, or what is wrong with it. */
type Parsed = { value: string } | { wrong: string };

export const limit = (count: number, what: string) =>
  z.coerce.number().int().min(0).max(1_000_000).default(count).describe(`${what}; 0: no limit`);

export const days = (count: number, what: string) =>
  z.coerce.number().int().min(0).max(36_500).default(count).describe(`days to keep ${what}; 0: forever`);

export const flag = () =>
  z
    .union([z.boolean(), z.enum(["true", "false", "1", "0"]).transform((word) => word === "true" || word === "1")])
    .default(false);

/** `a,b`, or a list in the file, without duplicates. */
const listOf = (parse: (part: string) => Parsed) =>
  z.union([z.string(), z.array(z.string())]).transform((given, context): string[] => {
    const parts = (typeof given === "string" ? given.split(",") : given).map((part) => part.trim());
    const found = new Set<string>();
    const refuse = (message: string): never => {
      context.issues.push({ code: "custom", message, input: given });
      return z.NEVER;
    };
    for (const [i, part] of parts.entries()) {
      const parsed = parse(part);
      // The error does not repeat a part that is very long or may contain a password.
      const named = /^[^@?#]{0,100}$/.test(part) ? `'${part}'` : `part ${i + 1}`;
      if ("wrong" in parsed) return refuse(parts.length === 1 ? parsed.wrong : `${named}: ${parsed.wrong}`);
      found.add(parsed.value);
    }
    if (found.size === 0) return refuse("the list is empty");
    if (found.size > MAX_LIST) return refuse(`more than ${MAX_LIST}`);
    return [...found];
  });

export const brokerUrls = () => listOf(parseBrokerUrl);
export const fingerprints = () => listOf(parseFingerprint);
export const addresses = () => listOf(parseAddress);

/** `studio`, `192.168.1.5:7888`, `[fe80::1]:7888` or a URL. Without a scheme: plain HTTP to this machine, TLS to others. */
function parseBrokerUrl(text: string): Parsed {
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
function parseAddress(text: string): Parsed {
  const [, address = "", port = ""] = /^(\[[0-9a-f:.]+\]|[\d.]+):(\d{1,5})$/i.exec(text) ?? [];
  const isValid = isIP(address.replace(/^\[|\]$/g, "")) > 0 && Number(port) >= 1 && Number(port) <= 65_535;
  return isValid
    ? { value: `${address.toLowerCase()}:${Number(port)}` }
    : { wrong: "not an IP address and port (127.0.0.1:7888)" };
}

/** SHA-256, as OpenSSL, browsers and CCT print it: `SHA256:AB:CD…`, `ab cd…`. */
function parseFingerprint(text: string): Parsed {
  const value = text
    .replace(/^sha256[:/]/i, "")
    .replace(/[:\s]/g, "")
    .toLowerCase();
  return /^[0-9a-f]{64}$/.test(value) ? { value } : { wrong: "a SHA-256 fingerprint has 64 hexadecimal characters" };
}

/** The error does not repeat the URL: it may contain a password. */
export const databaseUrl = () =>
  z
    .string()
    .max(2000)
    .transform((text, context): string => {
      if (/^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text)) return text;
      context.issues.push({
        code: "custom",
        message: "not a postgres:// URL (encode : / @ # in a password as %3A %2F %40 %23)",
        input: "",
      });
      return z.NEVER;
    });
