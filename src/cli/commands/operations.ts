/** Commands made from the surface: every operation that declares one, with its help, arguments and options. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Client, isAway } from "../../client/client.ts";
import { localClient } from "../../client/local.ts";
import { checkOutgoing } from "../../client/secrets.ts";
import surfaceJson from "../../operations/surface/surface.json" with { type: "json" };
import type { JsonProperty, SurfaceEntry } from "../../operations/surface/surface.ts";
import { loadConfig } from "../../platform/config.ts";
import { CctError } from "../../platform/errors.ts";
import { prepareHome } from "../../platform/home.ts";
import type { World } from "../../platform/world.ts";
import { resolvePeer } from "../../rules/address.ts";
import { actor, peersHere } from "../parts/actor.ts";
import { type Screen, toJson } from "../parts/output.ts";
import { waitFor } from "../parts/wait.ts";
import { type Fields, render } from "../views/views.ts";
import { keepFor } from "./outbox.ts";

const surface = surfaceJson as SurfaceEntry[];

export function addOperationCommands(
  program: Command,
  world: World,
  screen: Screen,
  readStdin: () => Promise<string>,
): void {
  for (const entry of surface) if (entry.cli) addOperation(entry, entry.cli);
  // The operation is send_message; people think of it as another thing.
  const sending = surface.find((entry) => entry.name === "send_message");
  if (sending) {
    addOperation(
      { ...sending, doc: "Sends a message to all members of a pool." },
      "broadcast <pool> <text>",
      ({ pool, ...input }) => ({ ...input, to: `@${String(pool).replace(/^@/, "")}` }),
    );
  }

  /** A command for an operation; `toInput` makes its input of the command's words where they differ. */
  function addOperation(entry: SurfaceEntry, cli: string, toInput = (fields: Fields): Fields => fields): void {
    const { command, words, argumentNames } = addCommand(program, cli);
    command.description(entry.doc);
    for (const argument of command.registeredArguments) {
      const property = entry.input.properties[argument.name()];
      argument.description = property?.description ?? "";
      if (property?.enum) argument.choices(property.enum);
      if (property?.type === "integer") argument.argParser(wholeNumber);
    }
    for (const [name, property] of Object.entries(entry.input.properties)) {
      if (!argumentNames.includes(name) && !(name === "to" && argumentNames.includes("pool")))
        command.addOption(option(name, property));
    }
    if (entry.by.includes("peer")) {
      const usual = entry.by.includes("operator")
        ? "as you, the operator; in a session's shell as that session"
        : "in a session's shell as that session";
      command.option("--as <peer>", `act for a session of this machine (else: ${usual})`);
    }
    if (argumentNames.includes("text")) command.addHelpText("after", "\nA text of - is read from standard input.");
    if (entry.name === "send_message") {
      command.addOption(
        new Option("--wait <state>", "stay until it is delivered or read").choices(["delivered", "read"]),
      );
      command.addOption(
        new Option("--timeout <seconds>", "with --wait: how long").argParser(wholeNumber).default(60, "60"),
      );
      command.addOption(
        new Option(
          "--outbox",
          "when no broker is there, keep a session's message on this machine and send it later",
        ).conflicts("wait"),
      );
    }
    command.option("--json", "the answer as JSON");
    command.action(async () => {
      const { json, as, wait, timeout, outbox, ...options } = command.opts<Fields>();
      const fields: Fields = {};
      for (const [key, value] of Object.entries(options))
        fields[key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)] = value;
      for (const [i, name] of argumentNames.entries()) fields[name] = command.processedArgs[i];
      const typed = toInput(fields);
      if (typed.text === "-") typed.text = (await readStdin()).replace(/\n$/, "");
      const input = await checkOutgoing(typed);
      // Ours to make, so that a lost answer can be asked for again.
      if (entry.name === "send_message") input.message_id ??= world.newMessageId();
      const config = loadConfig(world);
      prepareHome(config.home, world.user, false);
      const client = localClient(config, world.random);
      try {
        // Who waits to see it delivered is not served by a message that is kept.
        const keeps = entry.name === "send_message" && wait === undefined && (outbox === true || config.outbox);
        const named =
          as === undefined ? undefined : await peerNamed(client, String(as), keeps ? config.home : undefined);
        const me = actor(world, config, named);
        if (!me && !entry.by.includes("operator")) {
          throw new CctError(
            "bad_request",
            `cct ${words} acts for a session, and this is not a session's shell.`,
            "Name the session: --as <peer>.",
          );
        }
        const output = await client.callAny(entry.name, input, me).catch((error: unknown) => {
          if (keeps && isAway(error)) return keepFor(world, config.home, me, input, error);
          throw error;
        });
        if (wait !== "delivered" && wait !== "read") {
          return screen.write(json ? toJson(output) : render(entry.name, output, screen, world.now()));
        }
        if (!json) screen.write(render(entry.name, output, screen, world.now()));
        const status = await waitFor(client, String(output.message_id), wait, Number(timeout) * 1000, world.now, me);
        screen.write(json ? toJson(status) : render("message_status", status, screen, world.now()));
      } finally {
        client.close();
      }
    });
  }
}

/** A peer by name or by the beginning of its id, as the broker lists it; without a broker, one that `home` knows. */
async function peerNamed(client: Client, ref: string, home?: string): Promise<{ peer_id: string; name: string }> {
  try {
    return resolvePeer(ref, (await client.call("list_peers", {})).peers);
  } catch (error) {
    if (home === undefined || !isAway(error)) throw error;
    return resolvePeer(ref, peersHere(home));
  }
}

/** What a group of commands is about: `cct pool …`. */
const groups: Record<string, string> = {
  pool: "Pools: named groups with a purpose and an end.",
  release: "Releasing a member from a pool, by vote.",
  device: "Other machines: which may use this broker.",
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
  return {
    command: parent.command([names.at(-1), ...argumentsOf].join(" ")),
    words: names.join(" "),
    argumentNames: argumentsOf.map((word) => word.replace(/[<>[\]]/g, "")),
  };
}

function option(name: string, property: JsonProperty): Option {
  const flag = `--${name.replaceAll("_", "-")}`;
  if (property.type === "boolean") return new Option(flag, property.description ?? "");
  const made = new Option(`${flag} <${property.type === "integer" ? "number" : "value"}>`, property.description ?? "");
  if (property.enum) made.choices(property.enum);
  if (property.type === "integer") made.argParser(wholeNumber);
  return made;
}

function wholeNumber(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(value);
}
