/** Which operation answers with which error codes, and `docs/errors.md`. */
import { type ErrorCode, errorTexts, httpStatus } from "../../platform/errors.ts";
import type { SurfaceEntry } from "./surface.ts";

/** Where a code comes from: each operation, only those that declare it, or no operation at all. */
const origin: Record<ErrorCode, "every operation" | "declared" | "elsewhere"> = {
  bad_request: "every operation",
  unauthorized: "every operation",
  forbidden: "every operation",
  not_found: "declared",
  method_not_allowed: "elsewhere",
  ambiguous: "declared",
  // Every operation can answer it on PostgreSQL, when too many change the same rows at once.
  conflict: "every operation",
  already_running: "elsewhere",
  too_large: "every operation",
  rate_limited: "every operation",
  internal: "every operation",
  unavailable: "every operation",
  store_failed: "every operation",
  store_full: "every operation",
};

const codes = Object.keys(origin).filter((code): code is ErrorCode => Object.hasOwn(origin, code));

/** Every code that an operation can answer with, by rising HTTP status. */
export function errorsOf({ errors = [] }: Pick<SurfaceEntry, "errors">): ErrorCode[] {
  const declared: readonly ErrorCode[] = errors;
  return codes
    .filter((code) => origin[code] === "every operation" || declared.includes(code))
    .sort((a, b) => httpStatus[a] - httpStatus[b]);
}

export function errorsPage(surface: readonly SurfaceEntry[]): string {
  const everywhere = codes
    .filter((code) => origin[code] === "every operation" && code !== "conflict")
    .map((code) => `\`${code}\``);
  const lines = [
    "# Errors",
    "",
    "For everyone who gets an error from CCT: a model, a person at the command line, or a program that uses the HTTP API.",
    "Generated from `src/platform/errors.ts` and the list of operations by `npm run surface`; do not edit.",
    "",
    "An error has a code, a message that says what is wrong, and a hint that says what to do next. Over HTTP it is",
    '`{"error": {"code", "message", "hint"}}` with the status below. A tool shows message and hint. The `cct` command prints',
    "both in one line on standard error and exits with 1 (2 for wrong usage). Programs decide by the code: texts may change.",
    "",
    "| code | status | meaning | what to do |",
    "|---|---|---|---|",
    ...codes.map(
      (code) => `| \`${code}\` | ${httpStatus[code]} | ${errorTexts[code].meaning} | ${errorTexts[code].next} |`,
    ),
    "",
    "## Which operations",
    "",
    `Every operation can answer with ${everywhere.slice(0, -1).join(", ")} and ${everywhere.at(-1)}; with \`conflict\` on`,
    "PostgreSQL too, when too many callers change the same rows at once. These are declared by single operations:",
    "",
    "| operation | specific errors |",
    "|---|---|",
    ...surface.flatMap(({ name, errors = [] }) =>
      errors.length === 0
        ? []
        : [`| [${name}](reference.md#${name}) | ${errors.map((code) => `\`${code}\``).join(", ")} |`],
    ),
  ];
  return `${lines.join("\n")}\n`;
}
