/** `docs/settings.md`: every setting with its variable, values, default and meaning. */
import * as z from "zod";
import { settingNames, settingsSchema, variableOf } from "./settings.ts";

export function settingsPage(): string {
  const { properties = {} } = z.toJSONSchema(settingsSchema, { io: "input", unrepresentable: "any" });
  const defaults = settingsSchema.parse({});
  const rows = settingNames.map((name) => {
    const property: Property = Object(properties[name]);
    const value = defaults[name];
    const cells = [
      `\`${variableOf(name)}\``,
      valuesOf(property),
      value === undefined ? "–" : `\`${value}\``,
      property.description,
    ];
    return `| \`${name}\` | ${cells.join(" | ")} |`;
  });
  const lines = [
    "# Settings",
    "",
    "For everyone who looks up a setting; [configuration](configuration.md) explains where settings come from and which ones",
    "people change. Generated from `src/platform/settings.ts` by `npm run surface`; do not edit.",
    "",
    "Each setting is a key of `config.json` in the home and an environment variable; the variable wins. `CCT_HOME` names the",
    "home itself (default `~/.cct`).",
    "",
    "| setting | variable | values | default | meaning |",
    "|---|---|---|---|---|",
    ...rows,
  ];
  return `${lines.join("\n")}\n`;
}

interface Property {
  description?: string;
  type?: string;
  enum?: string[];
  anyOf?: Property[];
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
}

function valuesOf({ type, enum: words, anyOf, minimum, exclusiveMinimum, maximum }: Property): string {
  if (words) return words.map((value) => `\`${value}\``).join(", ");
  if (anyOf) return anyOf.some((one) => one.type === "boolean") ? "`true`, `false`" : "text or list: `a,b`";
  if (type !== "integer" && type !== "number") return "text";
  const least = exclusiveMinimum === undefined ? `${minimum} to` : `above ${exclusiveMinimum}, at most`;
  return `${type === "integer" ? "whole number" : "number"}, ${least} ${maximum}`;
}
