/**
 * Secret scanner for outgoing text. It runs where the text is written (session server, CLI), before it is sent: the
 * broker may be on another machine, and a secret that reached it has leaked.
 */
import { CctError, errorLine, systemCode } from "../platform/errors.ts";

/** Input fields with free text for other peers. */
const FREE_TEXT = ["text", "summary", "purpose", "reason", "role"];
const MAX_NAMED = 5;

/**
 * Returns `input` without `allow_secrets`, which only this check reads. Throws `bad_request` when a text contains
 * something like a key. The error names its kind and line, never its value.
 */
export async function checkOutgoing(input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { allow_secrets: allowed, ...leaving } = input;
  // The broker rejects any other type; it must not disable the check.
  if (allowed !== undefined && typeof allowed !== "boolean") return checked(input);
  return allowed === true ? leaving : checked(leaving);
}

async function loadFindKeys() {
  try {
    return (await import("../platform/secret-patterns.ts")).findKeys;
  } catch (error) {
    // While a package is being replaced, its files are away for some seconds.
    throw new CctError(
      "internal",
      `Not sent: the part of CCT that looks for keys in a text cannot be loaded (${systemCode(error) ?? errorLine(error)}).`,
      "Try again when CCT's installation or update is over. If CCT was removed: ask your user.",
    );
  }
}

/** Whether a text contains something like a key. */
export async function containsKey(text: string): Promise<boolean> {
  const findKeys = await loadFindKeys();
  return (await findKeys(text)).length > 0;
}

async function checked(input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const texts = FREE_TEXT.flatMap((field) => {
    const text = input[field];
    return typeof text === "string" && text !== "" ? [{ field, text }] : [];
  });
  if (texts.length === 0) return input;
  const findKeys = await loadFindKeys();
  const found: string[] = [];
  for (const { field, text } of texts) {
    for (const { kind, line } of await findKeys(text)) found.push(`${kind} in ${field}, line ${line}`);
  }
  if (found.length === 0) return input;
  const more = found.length > MAX_NAMED ? `, and ${found.length - MAX_NAMED} more` : "";
  throw new CctError(
    "bad_request",
    `Not sent: it contains what looks like a key (${[...new Set(found)].slice(0, MAX_NAMED).join("; ")}${more}).`,
    "text" in input
      ? "Remove it and say where the reader finds it. If it is not a key, or your user wants it sent, use allow_secrets: true (cct send --allow-secrets)."
      : "Remove it: many can read this text.",
  );
}
