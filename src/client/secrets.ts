/**
 * Keys in outgoing text. The check runs where the text is written (session server, command line), before it is sent:
 * a broker may be another machine, and what has reached it has left.
 */
import { CctError } from "../platform/errors.ts";

/** What a session or a person writes for others to read. */
const FREE_TEXT = ["text", "summary", "purpose", "reason", "role"];
const MAX_NAMED = 5;

/**
 * `input` as it may leave: without `allow_secrets`, which is for this check alone. Throws `bad_request` when a text in it
 * holds what looks like a key, naming its kind and line, never its value.
 */
export async function checkOutgoing(input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { allow_secrets: allowed, ...leaving } = input;
  // Anything but a boolean is the broker's to refuse, in its own words; it must not open the gate.
  if (allowed !== undefined && typeof allowed !== "boolean") return checked(input);
  return allowed === true ? leaving : checked(leaving);
}

async function checked(input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const texts = FREE_TEXT.flatMap((field) => {
    const text = input[field];
    return typeof text === "string" && text !== "" ? [{ field, text }] : [];
  });
  if (texts.length === 0) return input;
  const { findKeys } = await import("./secret-patterns.ts");
  const found: string[] = [];
  for (const { field, text } of texts) {
    for (const { kind, line } of await findKeys(text)) found.push(`${kind} in ${field}, line ${line}`);
  }
  if (found.length === 0) return input;
  const more = found.length > MAX_NAMED ? `, and ${found.length - MAX_NAMED} more` : "";
  throw new CctError(
    "bad_request",
    `Not sent: it holds what looks like a key (${[...new Set(found)].slice(0, MAX_NAMED).join("; ")}${more}).`,
    "text" in input
      ? "Take it out and say where the reader finds it. If it is none, or your user wants it sent: allow_secrets: true (cct send --allow-secrets)."
      : "Take it out: many can read this text.",
  );
}
