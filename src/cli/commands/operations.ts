/** The commands made from the surface: one for each operation with a `cli`, with its help, arguments and options. */
import type { Command } from "commander";
import { type Client, isUnavailable } from "../../client/client.ts";
import { localClient } from "../../client/local.ts";
import { callAllPages } from "../../client/pages.ts";
import { checkOutgoing } from "../../client/secrets.ts";
import type { CliName, OutputOf } from "../../operations/index.ts";
import { surface } from "../../operations/surface/snapshot.ts";
import type { SurfaceEntry } from "../../operations/surface/surface.ts";
import { loadConfig } from "../../platform/config.ts";
import { prepareHome } from "../../platform/home.ts";
import { resolvePeer } from "../../rules/address.ts";
import { actor, peersHere } from "../parts/actor.ts";
import type { Context } from "../parts/context.ts";
import { example } from "../parts/output.ts";
import { TEXT_WAYS, textOfFile } from "../parts/text.ts";
import { inWordsOf, optionOf, UsageError, type Words } from "../parts/usage.ts";
import { withCommands } from "../parts/vocabulary.ts";
import { reminder } from "../views/inbox.ts";
import { isCliName } from "../views/views.ts";
import { type Call, type Fields, print, type Special } from "./call.ts";
import { dismissCommand } from "./dismiss.ts";
import { messagesCommand, searchCommand } from "./history.ts";
import { inboxCommand } from "./inbox.ts";
import { inputOption, wholeNumber } from "./options.ts";
import { forgetCommand, mergeCommand } from "./peers.ts";
import { broadcastCommand, sendCommand } from "./send.ts";

/** The command of an operation; `special` where it does more than call it. */
interface OperationCommand {
  entry: SurfaceEntry;
  name: CliName;
  cli: string;
  example: string | undefined;
  doc: string;
  special?: Special | undefined;
}

const specials: { [N in CliName]?: Special } = {
  send_message: sendCommand,
  inbox: inboxCommand,
  messages: messagesCommand,
  forget_peer: forgetCommand,
  merge_peers: mergeCommand,
  search: searchCommand,
  dismiss_need: dismissCommand,
};

export function addOperationCommands(program: Command, context: Context): void {
  for (const made of surface.flatMap(commandsOf)) addOperation(program, made, context);
}

function commandsOf(entry: SurfaceEntry): OperationCommand[] {
  const { name, cli, example, doc } = entry;
  if (cli === undefined || !isCliName(name)) return [];
  const own = { entry, name, cli, example, doc, special: specials[name] };
  return name === "send_message"
    ? [
        own,
        {
          ...own,
          cli: broadcastCommand.cli,
          example: broadcastCommand.example,
          doc: broadcastCommand.doc,
          special: broadcastCommand,
        },
      ]
    : [own];
}

function addOperation(
  program: Command,
  { entry, name, cli, example: shown, doc, special }: OperationCommand,
  { world, screen, readStdin }: Context,
): void {
  const { command, words, argumentNames } = addCommand(program, cli);
  command.description(withCommands(doc));
  for (const argument of command.registeredArguments) {
    const property = entry.input.properties[argument.name()];
    const more = special?.arguments?.[argument.name()];
    argument.description = withCommands([property?.description, more].filter(Boolean).join("; "));
    if (property?.enum) argument.choices(property.enum);
    if (property?.type === "integer") argument.argParser(wholeNumber);
  }
  for (const [field, property] of Object.entries(entry.input.properties)) {
    if (!argumentNames.includes(field) && !(field === "to" && argumentNames.includes("pool")))
      command.addOption(inputOption(field, property, world.now));
  }
  if (entry.by.includes("peer")) {
    const usual = entry.by.includes("operator")
      ? "as you, the operator; in a session's shell as that session"
      : "in a session's shell as that session";
    command.option("--as <peer>", `act for a session of this machine (else: ${usual})`);
  }
  const takesText = argumentNames.includes("text");
  if (takesText) {
    command.option("--file <path>", "the text is in this file");
    command.addHelpText(
      "after",
      "\nA text of - is read from standard input.\nA shell changes $, ` and ! in a text: use - or --file.",
    );
  }
  if (shown !== undefined) command.addHelpText("after", example(shown));
  const ownOptions = special?.options() ?? [];
  for (const option of ownOptions) command.addOption(option);
  command.option("--json", "the answer as JSON");

  const fields: Words = Object.fromEntries(
    Object.keys(entry.input.properties).map((field) => [
      field,
      argumentNames.includes(field) ? `<${field}>` : optionOf(field),
    ]),
  );

  command.action(async () => {
    const { json, as, file, ...given } = command.opts<Fields>();
    const options: Fields = {};
    for (const key of ownOptions.map((option) => option.attributeName())) {
      options[key] = given[key];
      delete given[key];
    }
    const typed: Fields = {};
    for (const [key, value] of Object.entries(given)) typed[fieldOf(key)] = value;
    for (const [i, argument] of argumentNames.entries()) typed[argument] = command.processedArgs[i];
    const meant = special?.meant?.(typed, file !== undefined) ?? typed;
    if (takesText) meant.text = await textFrom(meant.text, file);
    const input = await checkOutgoing(special?.toInput?.(meant) ?? meant);
    const config = loadConfig(world);
    prepareHome(config.home, world.user, false);
    const client = localClient(config, world);
    try {
      const home = special?.worksOffline(options, config) ? config.home : undefined;
      const me = actor(world, config, as === undefined ? undefined : await peerNamed(client, String(as), home));
      if (!me && !entry.by.includes("operator")) {
        throw new UsageError(
          `cct ${words} acts for a session, and this is not a session's shell.`,
          "Name the session: --as <peer>.",
        );
      }
      const call: Call = { world, screen, config, client, input, me, json: json === true, options };
      // A person who sets a limit wants one page.
      const isOnePage = input.limit !== undefined || input.after !== undefined;
      const answer = (): Promise<OutputOf<CliName>> =>
        isOnePage ? client.callAny(name, input, me) : callAllPages(client, name, input, me);
      const run = special ? special.run(call) : answer().then((output) => print(call, name, output));
      await run.catch((error: unknown) => {
        throw inWordsOf(error, fields, `cct ${words}`);
      });
      const unread = me || json === true || special === inboxCommand || !screen.isTerminal ? 0 : (client.unread() ?? 0);
      if (unread > 0) screen.write(reminder(unread));
    } finally {
      client.close();
    }
  });

  /** The text as it is sent: an argument of `-` and a file lose their last newline. */
  async function textFrom(argument: unknown, file: unknown): Promise<unknown> {
    if (argument !== undefined && file !== undefined)
      throw new UsageError("The text is given twice.", "Leave out the argument or --file.");
    if (file !== undefined) return textOfFile(String(file), world.cwd).replace(/\n$/, "");
    if (argument === "-") return (await readStdin()).replace(/\n$/, "");
    if (argument !== undefined) return argument;
    throw new UsageError(`The text is missing: ${TEXT_WAYS}.`, `See: cct ${words} --help`);
  }
}

/** `replyTo`, commander's name of an option, as the input field `reply_to`. */
const fieldOf = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A peer by name or by a prefix of its id, as the broker lists it; with `home` and no broker, one that the home knows. */
async function peerNamed(client: Client, ref: string, home?: string): Promise<{ peer_id: string; name: string }> {
  try {
    return resolvePeer(ref, (await callAllPages(client, "list_peers", { all: true })).peers);
  } catch (error) {
    if (home === undefined || !isUnavailable(error)) throw error;
    return resolvePeer(ref, peersHere(home));
  }
}

/** The descriptions of command groups: `cct pool …`. */
const groups: Record<string, string> = {
  pool: "Creates, joins, leads and archives pools. A pool is a named group with a purpose and an end.",
  release: "Releases members from pools, by vote.",
  browser: "Lists and logs out the browsers in which the page is open.",
  device: "Lists, invites and revokes machines that may use this broker.",
};

/** Adds `send <to>`, or `pool join <pool>` in its group. */
function addCommand(program: Command, cli: string): { command: Command; words: string; argumentNames: string[] } {
  const parts = cli.split(" ");
  const names = parts.filter((part) => !/^[<[]/.test(part));
  const argumentsOf = parts.slice(names.length);
  const [group = ""] = names;
  const parent = names.length === 1 ? program : (program.commands.find((one) => one.name() === group) ?? newGroup());
  function newGroup(): Command {
    return program.command(group).description(groups[group] ?? "");
  }
  // `cct peers` has options itself; without this it would take those of `cct peers forget`, too.
  for (const one of [program, parent]) one.enablePositionalOptions();
  return {
    // A text can also come from a file.
    command: parent.command([names.at(-1), ...argumentsOf].join(" ").replace("<text>", "[text]")),
    words: names.join(" "),
    argumentNames: argumentsOf.map((word) => word.replace(/[<>[\].]/g, "")),
  };
}
