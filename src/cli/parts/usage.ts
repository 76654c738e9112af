/** Wrong usage: a command that cannot mean anything. Exit code 2; every other error is 1. */
import { CctError } from "../../platform/errors.ts";

export class UsageError extends CctError {
  constructor(message: string, hint = "") {
    super("bad_request", message, hint);
  }
}

/** What `--wait` waits for did not happen in time. Exit code 124, as of timeout(1). */
export class TimedOut extends CctError {
  constructor(message: string, hint: string) {
    super("unavailable", message, hint);
  }
}

/** Runs `work` on what was typed; `bad_request` is then wrong usage. */
export function asUsage<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw usageError(error);
  }
}

/** `bad_request` as wrong usage; other errors as they are. */
function usageError(error: unknown): unknown {
  return error instanceof CctError && error.code === "bad_request" ? new UsageError(error.message, error.hint) : error;
}

/** What an operation calls its input → what the command calls it: `--reply-to`, `<message_id>`. */
export type Words = Readonly<Record<string, string>>;

/** The option of a field. */
export const optionOf = (field: string): string => `--${field.replaceAll("_", "-")}`;

/**
 * An error of the broker in the words of a command: `bad_request` is wrong usage, and fields are options or arguments. `help`: the
 * command with the help for it, as in `cct send`.
 */
export function inWordsOf(error: unknown, fields: Words, help: string): unknown {
  if (!(error instanceof CctError) || error instanceof TimedOut) return error;
  const called = (field: string): string | undefined => (Object.hasOwn(fields, field) ? fields[field] : undefined);
  /** Only what cannot be another word: a field of several words that is not quoted. */
  const translated = (text: string): string =>
    text.replace(/(?<!['"@/\w<-])[a-z]+(?:_[a-z]+)+\b(?!['">])/g, (word) => called(word) ?? word);
  if (error.code !== "bad_request") {
    const [message, hint] = [translated(error.message), translated(error.hint)];
    return message === error.message && hint === error.hint ? error : new CctError(error.code, message, hint);
  }
  // `send_message: to must not be empty; text is missing.`
  const [, list] = /^[a-z_]+: ([\s\S]*)$/.exec(error.message) ?? [];
  if (list === undefined) return new UsageError(startingWith(translated(error.message)), translated(error.hint));
  const issues = list.split("; ").map((issue) => translated(startingWith(issue)));
  return new UsageError(issues.join("; "), `See: ${help} --help`);

  /** The first word of what is wrong is the field. */
  function startingWith(text: string): string {
    return text.replace(/^'?([a-z_]+)'?(?= )/, (word, field: string) => called(field) ?? word);
  }
}
