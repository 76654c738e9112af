/** `cct export` and `cct import`: the history as lines of JSON, or for people to read. Both need the same memory for any size. */
import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { Client } from "../../client/client.ts";
import type { Credentials } from "../../operations/core/identity.ts";
import type { OutputOf } from "../../operations/index.ts";
import { loadConfig } from "../../platform/config.ts";
import { CctError, systemCode } from "../../platform/errors.ts";
import { actor } from "../parts/actor.ts";
import { withClient } from "../parts/broker.ts";
import type { Context } from "../parts/context.ts";
import { count, example, toJson } from "../parts/output.ts";
import { cannotRead } from "../parts/text.ts";
import { UsageError } from "../parts/usage.ts";
import { exportedLines, readable } from "../views/export.ts";
import { addFilters, inWordsOfFilters } from "./filters.ts";

type Page = OutputOf<"messages">;

/** Whole texts, so that a page may have some megabytes. */
const PAGE = 50;
const BATCH = 50;
const SLOWED_MS = 1_000;
const DAY_MS = 86_400_000;

export function addExportCommands(program: Command, context: Context): void {
  const exporting = program
    .command("export")
    .addHelpText("after", example("export --pool checkout > checkout.jsonl"))
    .description(
      "Writes the history to standard output, the oldest message first: all of it for the operator, its own for a session. What `cct import` reads is --format jsonl.",
    )
    .addOption(
      new Option("--format <format>", "jsonl: a line of JSON for each message; md: for people")
        .choices(["jsonl", "md"])
        .default("jsonl"),
    );
  addFilters(exporting, context.world.now).action(({ format, ...filters }: { format: "jsonl" | "md" }) =>
    inWordsOfFilters("cct export", () => exportHistory(context, format, filters)),
  );
  program
    .command("import <file>")
    .addHelpText("after", example("import checkout.jsonl"))
    .description(
      "Stores the messages of an export as history. What is there already stays as it is, so importing twice changes nothing. Nothing is delivered. A file of - is standard input.",
    )
    .option("--json", "as JSON")
    .action((file: string, options: { json?: boolean }) => importFile(context, file, options.json ?? false));
}

async function exportHistory({ world, screen }: Context, format: "jsonl" | "md", filters: object): Promise<void> {
  const config = loadConfig(world);
  const me = actor(world, config);
  const lines = format === "md" ? readable() : exportedLines(world.version, world.now());
  await withClient(world, config, async (client) => {
    // Nothing is written before the broker has taken the filters.
    let page = await pageAfter(client, filters, 0, me);
    let messages = 0;
    screen.write(lines.begin);
    for (;;) {
      for (const message of page.messages) screen.write(lines.message(message));
      messages += page.messages.length;
      if (!(await screen.isOpen())) return;
      if (page.next === undefined) return screen.write(lines.end(messages));
      page = await pageAfter(client, filters, page.next, me);
    }
  });
}

/** Waits when the broker asks to slow down. */
async function pageAfter(client: Client, filters: object, after: number, me: Credentials | undefined): Promise<Page> {
  const input = { ...filters, full: true, limit: PAGE, after: Math.max(1, after) };
  return unhurried(() => client.callAny("messages", input, me));
}

async function unhurried<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof CctError) || error.code !== "rate_limited") throw error;
      await sleep(SLOWED_MS);
    }
  }
}

interface Line {
  number: number;
  value: Record<string, unknown>;
}

async function importFile(
  { world, screen, readLines, stdinIsTerminal }: Context,
  name: string,
  json: boolean,
): Promise<void> {
  const config = loadConfig(world);
  if (actor(world, config)) throw new UsageError("This is a session's shell, and importing is the operator's.");
  const isStdin = name === "-";
  if (isStdin && stdinIsTerminal)
    throw new UsageError(
      "Standard input is the terminal, and no export.",
      "Use: cct import - < file, or cct import <file>",
    );
  const file = isStdin ? "Standard input" : resolve(world.cwd, name);
  const done = { imported: 0, known: 0 };
  let oldest = Number.POSITIVE_INFINITY;
  await withClient(world, config, async (client) => {
    const send = async (lines: readonly Line[]): Promise<void> => {
      const answer = await sendLines(client, lines);
      done.imported += answer.imported;
      done.known += answer.known;
    };
    let batch: Line[] = [];
    const sendRest = async (): Promise<void> => {
      const full = batch;
      batch = [];
      if (full.length > 0) await send(full);
    };
    let isFirst = true;
    let end: Line | undefined;
    try {
      for await (const line of linesOf(file, isStdin ? readLines() : fileLines(file))) {
        if (end) throw garbage(line.number, "it follows the end of the export");
        if (isFirst) checkHeader(line);
        else if ("cct_export_end" in line.value) end = line;
        else {
          batch.push(line);
          if (typeof line.value.sent_at === "number") oldest = Math.min(oldest, line.value.sent_at);
        }
        isFirst = false;
        if (batch.length >= BATCH) await sendRest();
      }
    } finally {
      // The lines before one that cannot be read are imported.
      await sendRest();
    }
    if (!end)
      throw new CctError(
        "bad_request",
        `${file} has no last line: the export was cut off. What it has is imported (${count(done.imported, "message")}).`,
        "Export it again, and import that: what is there stays as it is.",
      );
  });
  if (json) return screen.write(toJson(done));
  screen.write(`${count(done.imported, "message")} imported, ${done.known} were there already.\n`);
  const { keep_read_days: days } = config;
  if (days > 0 && oldest < world.now() - days * DAY_MS)
    screen.write(`The oldest are older than ${days} days (keep_read_days) and will be deleted. See: cct config\n`);
}

/** Stores some messages. When they are refused, finds the line: the broker does not know lines. */
async function sendLines(client: Client, lines: readonly Line[]): Promise<OutputOf<"import_messages">> {
  const messages = lines.map(({ value }) => value);
  try {
    return await unhurried(() => client.callAny("import_messages", { messages }));
  } catch (error) {
    if (!(error instanceof CctError) || (error.code !== "bad_request" && error.code !== "too_large")) throw error;
    const [only] = lines;
    if (only && lines.length === 1)
      throw garbage(only.number, error.message.replace(/^import_messages: /, "").replace(/\bmessages\.0\.?/g, ""));
    const half = Math.ceil(lines.length / 2);
    const first = await sendLines(client, lines.slice(0, half));
    const second = await sendLines(client, lines.slice(half));
    return { imported: first.imported + second.imported, known: first.known + second.known };
  }
}

async function* fileLines(file: string): AsyncGenerator<string> {
  const input = createReadStream(file, "utf8");
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } finally {
    input.destroy();
  }
}

async function* linesOf(file: string, lines: AsyncIterable<string>): AsyncGenerator<Line> {
  let number = 0;
  try {
    for await (const text of lines) {
      number++;
      if (text.trim() !== "") yield { number, value: parsed(text, number) };
    }
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw new UsageError(cannotRead(file, code), "See: cct import --help");
  }
  if (number === 0) throw new UsageError(`${file} is empty.`, "It must be what cct export writes.");
}

function parsed(text: string, number: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw garbage(number, "it is not JSON");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return Object.fromEntries(Object.entries(value));
  throw garbage(number, "it is not a JSON object");
}

function checkHeader({ number, value }: Line): void {
  if (value.cct_export === 1) return;
  throw garbage(
    number,
    "cct_export" in value ? "it was made by a newer version of CCT" : "it is not the first line of an export",
  );
}

const garbage = (line: number, why: string): CctError =>
  new CctError(
    "bad_request",
    `Line ${line} cannot be imported: ${why.replace(/\.$/, "")}.`,
    line === 1
      ? "Nothing is imported. Import what cct export writes."
      : "The lines before it are imported. Correct it, and import the file again: nothing is stored twice.",
  );
