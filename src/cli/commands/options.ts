/** Options of commands for fields of operations. */
import { InvalidArgumentError, Option } from "commander";
import type { JsonProperty } from "../../operations/surface/surface.ts";
import { numberWritten, TIME_FORMS, type Written } from "../../rules/times.ts";
import { optionOf } from "../parts/usage.ts";
import { withCommands } from "../parts/vocabulary.ts";

/** The option for a field of an operation. */
export function inputOption(field: string, property: JsonProperty, now: () => number): Option {
  const flag = optionOf(field);
  const description = withCommands(property.description ?? "");
  if (property.type === "boolean") return new Option(flag, description);
  const { written } = property;
  if (written) return new Option(`${flag} <time>`, description).argParser((value) => numberFrom(written, value, now()));
  const made = new Option(`${flag} <${property.type === "integer" ? "number" : "value"}>`, description);
  if (property.enum) made.choices(property.enum);
  if (property.type === "integer") made.argParser(wholeNumber);
  return made;
}

/** Parses an argument or option; anything but digits is wrong usage. */
export function wholeNumber(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(value);
}

/** Parses a time, or the number of a message; anything else is wrong usage. */
function numberFrom(as: Written, value: string, now: number): number {
  const number = numberWritten(as, value, now);
  if (number !== undefined) return number;
  throw new InvalidArgumentError(`It must be a time: ${TIME_FORMS}${as === "seq" ? "; or the seq of a message" : ""}.`);
}
