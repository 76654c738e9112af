/** The page's logins: the code that a command passes to a browser, and the browsers that are logged in. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { hashSecret } from "../platform/secrets.ts";
import { CODE_MS, LOGIN_MS, MAX_BROWSERS, MAX_CODES, resolveBrowser } from "../rules/browsers.ts";
import { requireBelow } from "../rules/quotas.ts";
import {
  type Browser,
  browsersSince,
  countCodes,
  deleteBrowser,
  deleteBrowsersBeyond,
  deleteEndedLogins,
  insertBrowser,
  insertCode,
  takeCode,
} from "../store/browsers.ts";
import { allDevices, deviceInUse } from "../store/devices.ts";
import { operation } from "./core/operation.ts";
import type { TransactionContext } from "./core/transaction.ts";
import { time } from "./support/shapes.ts";

export const openPage = operation({
  name: "open_page",
  by: ["operator", "person", "device"],
  repeatable: "never",
  doc: "Creates a code that logs one browser in at the page, once, within a minute. `cct open` passes it on, in the part of the address that browsers keep to themselves.",
  input: z.strictObject({
    phone: z
      .boolean()
      .optional()
      .describe(
        "the browser may be on another machine, with the operator's authority; only at the broker's own machine",
      ),
  }),
  output: z.object({ code: z.string(), expires_at: time }),
  async run({ sql, now, newId, device }, { phone = false }) {
    if (phone && device !== undefined)
      throw new CctError(
        "forbidden",
        "Only the operator at the broker's own machine lets a phone in.",
        "Run cct open --phone there.",
      );
    const owner = device?.device_id ?? null;
    await deleteEndedLogins(sql, now - LOGIN_MS, now);
    requireBelow(await countCodes(sql, owner, now), MAX_CODES, "Too many codes are open", "Use one, or wait a minute.");
    const code = newId();
    const expires_at = now + CODE_MS;
    await insertCode(sql, hashSecret(code), { device_id: owner, on_network: phone }, expires_at);
    return { code, expires_at };
  },
});

const browserShape = z.object({
  browser_id: z.string(),
  name: z.string().describe("what it calls itself"),
  device: z.string().optional().describe("the machine with whose token it was let in; absent: the broker's own"),
  on_network: z.boolean().optional().describe("the operator let it in from another machine: `cct open --phone`"),
  own: z.boolean().optional().describe("it is the one that asks"),
  here: z.boolean().optional().describe("it was let in by `cct open` on the machine that asks"),
  created_at: time,
  last_seen: time,
  ends_at: time.describe("unless it is seen again before"),
});

export const listBrowsers = operation({
  name: "list_browsers",
  isolation: "snapshot",
  by: ["operator"],
  repeatable: "always",
  cli: "browser list",
  example: "browser list",
  doc: "Lists the browsers that are logged in at the page. A login ends when its browser was not seen for 30 days.",
  input: z.strictObject({}),
  output: z.object({ browsers: z.array(browserShape) }),
  async run({ sql, now, device, browser: own }) {
    const asks = device?.device_id ?? null;
    const names = new Map((await allDevices(sql)).map((one) => [one.device_id, one.name]));
    const found = await browsersSince(sql, now - LOGIN_MS);
    return {
      browsers: found.map(({ device_id, on_network, ...browser }) => ({
        ...browser,
        ...(on_network && { on_network }),
        ...(browser.browser_id === own && { own: true }),
        ...(device_id === asks && !on_network && { here: true }),
        ...(device_id === null ? {} : { device: names.get(device_id) ?? device_id }),
        ends_at: browser.last_seen + LOGIN_MS,
      })),
    };
  },
});

export const revokeBrowser = operation({
  name: "revoke_browser",
  by: ["operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous"],
  cli: "browser revoke <browser>",
  example: "browser revoke 3f9a",
  doc: "Ends the login of a browser, or with 'all' that of every browser. Its page closes at once and asks for a new login.",
  input: z.strictObject({
    browser: z.string().min(1).max(64).describe("its name, or the first 4 or more characters of its id, or 'all'"),
  }),
  output: z.object({ revoked: z.array(z.object({ browser_id: z.string(), name: z.string() })) }),
  async run({ sql, now, emit }, input) {
    const all = await browsersSince(sql, now - LOGIN_MS);
    const meant = input.browser.trim() === "all" ? all : [resolveBrowser(input.browser, all)];
    for (const { browser_id } of meant) {
      await deleteBrowser(sql, browser_id);
      emit({ device_id: browser_id, about: "revoked" });
    }
    return { revoked: meant.map(({ browser_id, name }) => ({ browser_id, name })) };
  },
});

/** How a browser comes: the hash of its new cookie, its name, and whether it is on the broker's own machine. */
export interface Arrival {
  tokenHash: string;
  name: string;
  isHere: boolean;
}

/**
 * Logs a browser in with a code, which is used up in any case. `undefined`: the code is wrong, was used or expired, or what it
 * grants does not hold: the home's authority is for its own machine, unless the operator made the code for another one.
 */
export async function logIn(
  { sql, now, newId, emit }: TransactionContext,
  code: string,
  { tokenHash, name, isHere }: Arrival,
): Promise<Browser | undefined> {
  const granted = await takeCode(sql, hashSecret(code), now);
  if (!granted) return undefined;
  const { device_id, on_network } = granted;
  const isValid = device_id === null ? isHere || on_network : await deviceInUse(sql, device_id);
  if (!isValid) return undefined;
  const browser = { browser_id: newId(), name, device_id, on_network, created_at: now, last_seen: now };
  await insertBrowser(sql, browser, tokenHash);
  for (const device_id of await deleteBrowsersBeyond(sql, browser.device_id, MAX_BROWSERS, browser.browser_id))
    emit({ device_id, about: "revoked" });
  return browser;
}
