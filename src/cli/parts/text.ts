/** Texts for other peers that are long, or that a shell would change: from standard input, from a file, or with a dash first. */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { reasonOf } from "../../platform/disk.ts";
import { CctError, systemCode } from "../../platform/errors.ts";
import type { Terminal } from "./context.ts";
import { UsageError } from "./usage.ts";

/** For errors. */
export const TEXT_WAYS =
  "quote it, or use --file <path>, or - for standard input; before one that begins with a dash, write --";

const MAX_BYTES = 1024 * 1024;

/** All of standard input. Throws `bad_request` if it is not UTF-8, `too_large` above 1 MiB. */
export async function textOfStdin(stdin: Terminal["stdin"]): Promise<string> {
  return decoded(await stdin.read(MAX_BYTES), "Standard input");
}

/** The content of a file; `cwd`: where the command runs. */
export function textOfFile(path: string, cwd: string): string {
  const file = resolve(cwd, path);
  try {
    if (statSync(file).size > MAX_BYTES) throw tooLarge("The file");
    return decoded(readFileSync(file), "The file");
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw new UsageError(cannotRead(file, code), "Check the path given with --file.");
  }
}

/** Why a file that the user named cannot be read. */
export const cannotRead = (file: string, code: string): string =>
  `${file} cannot be read: ${code === "ENOENT" ? "there is no such file" : reasonOf(code)}.`;

function decoded(bytes: Uint8Array, what: string): string {
  if (bytes.length > MAX_BYTES) throw tooLarge(what);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CctError(
      "bad_request",
      `${what} is not UTF-8.`,
      "Convert it first, for example with: iconv -f latin1 -t utf-8",
    );
  }
}

const tooLarge = (what: string): CctError =>
  new CctError(
    "too_large",
    `${what} has more than 1 MiB; a message has at most 64 KiB.`,
    "Write the long part to a file and send its path.",
  );

/** Commands whose last argument is a text. */
const WITH_TEXT = [["send"], ["broadcast"], ["inbox", "reply"]];
const OPTION = /^-(?:-?[a-z][\w-]*(?:=[\s\S]*)?|-)?$/i;

/** `send bob "- one"` as `send bob -- "- one"`: a word that begins with a dash, and cannot be an option, is the text. */
export function withDashedText(argv: readonly string[]): string[] {
  const text = WITH_TEXT.some((words) => words.every((word, i) => argv[i] === word))
    ? argv.findIndex((word) => word.startsWith("-") && !OPTION.test(word))
    : -1;
  if (text < 0 || argv.includes("--")) return [...argv];
  return [...argv.toSpliced(text, 1), "--", argv[text] ?? ""];
}
