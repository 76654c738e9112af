/** What is wrong with a value, in plain words; the schema library's own are for programmers. Never the value itself. */

/** An issue of the schema library, as far as the words need it. */
export interface Issue {
  readonly code?: string | undefined;
  readonly message: string;
  readonly expected?: unknown;
  readonly origin?: string | undefined;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly inclusive?: boolean | undefined;
  readonly values?: readonly unknown[] | undefined;
  readonly keys?: readonly string[] | undefined;
  readonly errors?: readonly (readonly Issue[])[] | undefined;
}

/** `must not be empty`, `must be at most 65535`: what follows the name of the field. */
export function issueWords(issue: Issue): string {
  const { code, message, expected, values, keys = [], errors = [] } = issue;
  if (code === "too_small") return bound(issue, issue.minimum, issue.inclusive === false ? "above" : "at least");
  if (code === "too_big") return bound(issue, issue.maximum, issue.inclusive === false ? "below" : "at most");
  if (code === "invalid_value" && values) return `must be ${values.length > 1 ? "one of " : ""}${values.join(", ")}`;
  if (code === "unrecognized_keys") return `does not take ${keys.map((key) => `'${key.slice(0, 80)}'`).join(", ")}`;
  if (code === "invalid_type")
    return /received undefined$/.test(message) ? "is missing" : (kinds[String(expected)] ?? message);
  if (code === "invalid_union") {
    const all = errors.flat().flatMap((one) => (one.code === "invalid_type" ? [String(one.expected)] : []));
    if (all.includes("boolean")) return "must be true or false";
    if (all.length > 0)
      return `must be ${all.map((kind) => kinds[kind]?.replace("must be ", "") ?? kind).join(" or ")}`;
  }
  return message;
}

const kinds: Readonly<Record<string, string>> = {
  string: "must be text",
  number: "must be a number",
  nan: "must be a number",
  int: "must be a whole number",
  boolean: "must be true or false",
  array: "must be a list",
  object: "must be an object",
};

function bound({ origin }: Issue, limit: unknown, which: string): string {
  if (origin === "string")
    return limit === 1 && which === "at least" ? "must not be empty" : `must have ${which} ${limit} characters`;
  if (origin === "array") return `must have ${which} ${limit} entries`;
  return `must be ${which} ${limit}`;
}
