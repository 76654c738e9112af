/** The configuration in force. Its layers: defaults < `config.json` in the home < `CCT_*` variables < flags. */
import { homedir } from "node:os";
import { resolve } from "node:path";
import { configPath, readConfigFile } from "./config-file.ts";
import { CctError } from "./errors.ts";
import {
  type GivenSettings,
  isSecret,
  parseSettings,
  type SettingName,
  type Settings,
  settingNames,
  variableOf,
} from "./settings.ts";
import type { World } from "./world.ts";

export type Config = Settings & { home: string };

/** The absolute path of the home. Throws `bad_request` without one: hooks could not find it either. */
export function homeOf(world: Pick<World, "env" | "cwd">): string {
  const { CCT_HOME, HOME = homedir() } = world.env;
  if (CCT_HOME) return resolve(world.cwd, CCT_HOME);
  if (HOME) return resolve(world.cwd, HOME, ".cct");
  throw new CctError("bad_request", "The variable HOME is empty.", "Set HOME, or set CCT_HOME to the home of CCT.");
}

/** The settings in force. Throws `bad_request`, naming the place, if one is invalid. */
export function loadConfig(world: Pick<World, "env" | "cwd">, flags: GivenSettings = {}): Config {
  const home = homeOf(world);
  const settings: GivenSettings = {};
  for (const { value, name } of layers(world, home, flags)) settings[name] = value;
  return { ...parseSettings(settings, "The configuration"), home };
}

export interface Setting {
  name: SettingName;
  value: unknown;
  source: string;
}

/** Every setting with its value and the layer that it comes from. */
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

/** What is set, from the lowest layer to the highest. */
function* layers(world: Pick<World, "env">, home: string, flags: GivenSettings): Generator<Setting> {
  const file = readConfigFile(home);
  for (const name of settingNames)
    if (file[name] !== undefined) yield { name, value: file[name], source: configPath(home) };
  for (const name of settingNames) {
    const value = world.env[variableOf(name)];
    if (value !== undefined && value !== "") yield { name, value, source: variableOf(name) };
  }
  for (const name of settingNames) if (flags[name] !== undefined) yield { name, value: flags[name], source: "flag" };
}

/** Settings that only sessions and commands use. */
const CLIENT_SETTINGS: readonly SettingName[] = [
  "broker",
  "token",
  "fingerprint",
  "forwarded_to",
  "name",
  "take_seat",
  "delivery",
  "requests",
  "mail_line",
  "blocked_on",
  "poll",
  "outbox",
];

/** The environment variables that give a new broker process the settings in force here. */
export function brokerVariables(config: Config): Record<string, string> {
  const names = settingNames.filter((name) => !CLIENT_SETTINGS.includes(name) && config[name] !== undefined);
  return Object.fromEntries(names.map((name) => [variableOf(name), String(config[name])]));
}
