/** The home's `config.json`: reads it and computes its new text. */
import { join } from "node:path";
import { CctError, systemCode } from "./errors.ts";
import { readTrusted } from "./home.ts";
import { type GivenSettings, parseGiven } from "./settings.ts";

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

/** The text of the file after setting these, or removing them (`undefined`). Throws `bad_request` for an invalid value. */
export function withSettings(home: string, settings: GivenSettings): string {
  const all = Object.entries({ ...readConfigFile(home), ...settings }).filter(([, value]) => value !== undefined);
  return `${JSON.stringify(parseGiven(Object.fromEntries(all), "config set"), null, 2)}\n`;
}

function readText(path: string): string | undefined {
  try {
    return readTrusted(path);
  } catch (error) {
    if (error instanceof CctError) throw error;
    throw new CctError("bad_request", `${path} cannot be read (${systemCode(error)}).`, "Check its owner and mode.");
  }
}
