/**
 * What the input of a tool means. Models and hosts write numbers and booleans as text, `null` or `""` for what they leave out,
 * and fields of other tools. What a value can only mean is taken for that; everything else is left to the broker's checks.
 */
import { numberWritten } from "./times.ts";

/** A field of a tool, as its schema describes it. */
export interface FieldType {
  type?: string | undefined;
  /** `time` or `seq`: a number that may be written as a time. */
  written?: string | undefined;
  enum?: readonly string[] | undefined;
  required?: boolean | undefined;
  /** It is taken, and not in the tool's definition. */
  rare?: boolean | undefined;
}

export interface Understood {
  input: Record<string, unknown>;
  /** Fields that the tool does not have. */
  ignored: string[];
}

export function understood(
  fields: Readonly<Record<string, FieldType>>,
  given: Readonly<Record<string, unknown>>,
  now: number,
): Understood {
  const entries = Object.entries(given);
  const known = entries.flatMap(([name, value]): [string, unknown][] => {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return field && !isLeftOut(value, field) ? [[name, meant(value, field, now)]] : [];
  });
  return {
    input: Object.fromEntries(known),
    ignored: entries.flatMap(([name]) => (Object.hasOwn(fields, name) ? [] : [name])),
  };
}

const isLeftOut = (value: unknown, { required }: FieldType): boolean =>
  value === null || value === undefined || (value === "" && !required);

const WHOLE_NUMBER = /^\s*[+-]?\d{1,15}(?:\.0*)?\s*$/;

function meant(value: unknown, field: FieldType, now: number): unknown {
  if (typeof value === "string") {
    const time =
      field.written === "time" || field.written === "seq" ? numberWritten(field.written, value, now) : undefined;
    if (time !== undefined) return time;
    const word = value.trim().toLowerCase();
    if (field.enum) return field.enum.includes(word) ? word : value;
    if (field.type === "integer" && WHOLE_NUMBER.test(value)) return Number(value);
    if (field.type === "boolean" && (word === "true" || word === "false")) return word === "true";
    return value;
  }
  const isPlain = typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
  return isPlain && field.type === "string" && !field.enum ? String(value) : value;
}

/** Begins the hint of an invalid input. The fields follow. */
export const IT_TAKES = "It takes: ";

/** In the `_meta` of a tool call, `true`: the caller is a program, and wants the structured answer too. */
export const STRUCTURED = "cct/structured";
