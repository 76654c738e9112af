/** Commands made from the surface: every operation that declares one, with its help, arguments and options. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { localClient } from "../client/local.ts";
import { loadConfig } from "../config.ts";
import { prepareHome } from "../home.ts";
import surfaceJson from "../operations/surface.json" with { type: "json" };
import type { JsonProperty, SurfaceEntry } from "../operations/surface.ts";
import type { World } from "../world.ts";
import { clockTime, type Screen, span, table, toJson } from "./output.ts";

const surface = surfaceJson as SurfaceEntry[];

type Fields = Record<string, unknown>;

export function addOperationCommands(
  program: Command,
  world: World,
  screen: Screen,
  readStdin: () => Promise<string>,
): void {
  for (const entry of surface) {
    if (!entry.cli || !entry.by.includes("operator")) continue;
    const { cli } = entry;
    const { command, argumentNames } = addCommand(program, cli);
    command.description(entry.doc);
    for (const [name, property] of Object.entries(entry.input.properties)) {
      if (argumentNames.includes(name)) {
        const argument = command.registeredArguments.find((one) => one.name() === name);
        if (argument) argument.description = property.description ?? "";
      } else {
        command.addOption(option(name, property));
      }
    }
    if (argumentNames.includes("text")) command.addHelpText("after", "\nA text of - is read from standard input.");
    command.option("--json", "the answer as JSON");
    command.action(async () => {
      const { json, ...options } = command.opts<Fields>();
      const input: Fields = {};
      for (const [key, value] of Object.entries(options))
        input[key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)] = value;
      for (const [i, name] of argumentNames.entries()) input[name] = command.args[i];
      if (input.text === "-") input.text = (await readStdin()).replace(/\n$/, "");
      // Ours to make, so that a lost answer can be asked for again.
      if (entry.name === "send_message") input.message_id ??= world.newMessageId();
      const config = loadConfig(world);
      prepareHome(config.home, world.user, false);
      const client = localClient(config);
      try {
        const output = await client.callAny(entry.name, input);
        screen.write(json ? toJson(output) : render(entry.name, output, screen, world.now()));
      } finally {
        client.close();
      }
    });
  }
}

/** What a group of commands is about: `cct pool …`. */
const groups: Record<string, string> = {
  pool: "Pools: named groups with a purpose and an end.",
  release: "Releasing a member from a pool, by vote.",
};

/** Adds `send <to>`, or `pool join <pool>` in its group. */
function addCommand(program: Command, cli: string): { command: Command; argumentNames: string[] } {
  const words = cli.split(" ");
  const names = words.filter((word) => !/^[<[]/.test(word));
  const argumentsOf = words.slice(names.length);
  const [group = ""] = names;
  const parent = names.length === 1 ? program : (program.commands.find((one) => one.name() === group) ?? newGroup());
  function newGroup(): Command {
    return program.command(group).description(groups[group] ?? "");
  }
  return {
    command: parent.command([names.at(-1), ...argumentsOf].join(" ")),
    argumentNames: argumentsOf.map((word) => word.replace(/[<>[\]]/g, "")),
  };
}

function option(name: string, property: JsonProperty): Option {
  const flag = `--${name.replaceAll("_", "-")}`;
  if (property.type === "boolean") return new Option(flag, property.description ?? "");
  const made = new Option(`${flag} <${property.type === "integer" ? "number" : "value"}>`, property.description ?? "");
  if (property.enum) made.choices(property.enum);
  if (property.type === "integer") {
    made.argParser((value) => {
      if (!/^\d+$/.test(value)) throw new InvalidArgumentError("It must be a whole number.");
      return Number(value);
    });
  }
  return made;
}

interface PeerView {
  peer_id: string;
  name: string;
  host: string;
  cwd: string;
  branch: string | null;
  summary: string;
  presence: string;
  last_seen: number;
  waiting: number;
}
interface RecipientView {
  name: string;
  state: string;
  note?: string;
  attempts?: number;
  redelivered?: boolean;
  delivered_at?: number | null;
  read_at?: number | null;
}
interface MessageView {
  message_id: string;
  from_name: string;
  to: string;
  text: string;
  urgency: string;
  sent_at: number;
  recipients: RecipientView[];
}

/** The answer for a person. The broker checked the shape; an operation without a view of its own is shown as JSON. */
function render(name: string, output: Fields, screen: Screen, now: number): string {
  switch (name) {
    case "list_peers":
      return peers(output.peers as PeerView[], screen, now);
    case "send_message":
      return (output.recipients as RecipientView[])
        .map((one) => `${one.state} for ${one.name}${one.note ? `: ${one.note}` : ""}\n`)
        .join("")
        .concat(`message ${String(output.message_id)}\n`);
    case "messages":
      return history(output.messages as MessageView[], screen);
    case "message_status":
      return recipients(output.recipients as RecipientView[], screen);
    default:
      return toJson(output);
  }
}

function peers(all: PeerView[], screen: Screen, now: number): string {
  if (all.length === 0) return "No peer is registered. Sessions register when Claude Code starts with CCT installed.\n";
  const rows = all.map((peer) => [
    peer.peer_id.slice(0, 4),
    peer.name,
    peer.presence === "offline" ? `offline ${span(now - peer.last_seen)}` : peer.presence,
    peer.waiting > 0 ? String(peer.waiting) : "",
    peer.host,
    peer.branch ?? "",
    peer.cwd,
    peer.summary,
  ]);
  return table(screen, ["ID", "NAME", "PRESENCE", "MAIL", "HOST", "BRANCH", "DIRECTORY", "SUMMARY"], rows);
}

function history(all: MessageView[], screen: Screen): string {
  if (all.length === 0) return "No messages.\n";
  const rows = all.map((m) => [
    clockTime(m.sent_at),
    m.from_name,
    m.to,
    m.recipients.map((one) => one.state).join(" "),
    m.message_id,
    m.text,
  ]);
  return table(screen, ["SENT (UTC)", "FROM", "TO", "STATE", "ID", "TEXT"], rows);
}

function recipients(all: RecipientView[], screen: Screen): string {
  const rows = all.map((one) => [
    one.name,
    one.state,
    String(one.attempts ?? 0),
    one.redelivered ? "yes" : "",
    one.delivered_at ? clockTime(one.delivered_at) : "",
    one.read_at ? clockTime(one.read_at) : "",
  ]);
  return table(screen, ["TO", "STATE", "ATTEMPTS", "REDELIVERED", "DELIVERED (UTC)", "READ (UTC)"], rows);
}
