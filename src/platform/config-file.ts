/** The home's `config.json`: reads it, and changes settings in it. */
import { join } from "node:path";
import { CctError, systemCode } from "./errors.ts";
import { readTrusted, writeWhole } from "./files.ts";
import { paths } from "./home.ts";
import { withLock } from "./lock.ts";
import { type GivenSettings, parseGiven, settingNames } from "./settings.ts";
import type { World } from "./world.ts";

export const configPath = (home: string): string => join(home, "config.json");

/** The settings in the file; none if there is no file. Throws `bad_request` if it is invalid. */
export function readConfigFile(home: string): GivenSettings {
  const path = configPath(home);
  const text = readText(path);
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CctError("bad_request", `${path} is not valid JSON.`, "Correct it, or delete it to use the defaults.");
  }
  return parseGiven(value, path);
}

/**
 * Sets these settings in the file, or removes them (`undefined`); returns what the file had for them before. Throws
 * `bad_request` for an invalid value. Under a lock: of two changes at once, the second must see the first.
 */
export function changeSettings(
  world: Pick<World, "pid" | "newId" | "steady">,
  home: string,
  settings: GivenSettings,
): Promise<GivenSettings> {
  const path = configPath(home);
  const { configLock } = paths(home);
  const busy = (pid: number) =>
    new CctError("conflict", `Another cct is changing ${path} (process ${pid}, ${configLock}).`, "Try again.");
  return withLock(configLock, world, busy, () => {
    const before = readConfigFile(home);
    const text = textOf({ ...before, ...settings });
    writeWhole(path, text, world.newId());
    const names = settingNames.filter((name) => Object.hasOwn(settings, name));
    return Object.fromEntries(names.map((name) => [name, before[name]]));
  });
}

/** Throws `bad_request` if one of these settings is invalid. */
export function checkSettings(settings: GivenSettings): void {
  textOf(settings);
}

function textOf(settings: GivenSettings): string {
  const all = Object.entries(settings).filter(([, value]) => value !== undefined);
  return `${JSON.stringify(parseGiven(Object.fromEntries(all), "Invalid setting"), null, 2)}\n`;
}

function readText(path: string): string | undefined {
  try {
    return readTrusted(path);
  } catch (error) {
    if (error instanceof CctError) throw error;
    throw new CctError("bad_request", `${path} cannot be read (${systemCode(error)}).`, "Check its owner and mode.");
  }
}
