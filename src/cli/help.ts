/** The help of `cct`: commands grouped under headings, one short line each, and an example in each command's own help. */
import { Command } from "commander";

interface Group {
  heading: string;
  /** Command name → its line in `cct --help`. */
  commands: Record<string, string>;
}

const LAST_HEADING = "More:";

const GROUPS: Group[] = [
  {
    heading: "Set up:",
    commands: {
      up: "start the broker, install CCT into Claude Code, check both",
      install: "install CCT into Claude Code only",
      uninstall: "remove CCT from Claude Code",
      doctor: "check everything and send a probe message",
      demo: "show a message each way without Claude Code",
      config: "show or change settings",
    },
  },
  {
    heading: "Messages:",
    commands: {
      peers: "list the sessions",
      send: "send a message to a session or a pool",
      broadcast: "send a message to all members of a pool",
      messages: "list the message history",
      message: "show what happened to one message",
      resend: "send a message again that ended unread",
      outbox: "list messages that could not be sent yet",
      policy: "show or set what a mailbox accepts",
      held: "list mail that a policy holds",
      unhold: "release held mail",
    },
  },
  {
    heading: "Working together:",
    commands: {
      pools: "list the pools",
      pool: "create, join, lead and archive pools",
      release: "release a member from a pool, by vote",
      busy: "mark a session as busy",
      ready: "end a session's busy state",
      service: "register and list dev servers, databases, browsers …",
    },
  },
  {
    heading: "Broker:",
    commands: {
      start: "start the broker of this home",
      kill: "stop the broker",
      status: "show whether the broker runs, and where",
      broker: "show how a broker does, for its operator",
      notes: "list what the operator should know",
      cost: "show wakes and estimated tokens of mail",
      migrate: "move all data to PostgreSQL, or back",
    },
  },
  {
    heading: "Other machines:",
    commands: {
      "lan-start": "open the broker to other machines",
      "lan-stop": "close it again",
      join: "join the broker of another machine",
      device: "list, invite and revoke machines",
    },
  },
  {
    heading: LAST_HEADING,
    commands: {
      mcp: "the session server; Claude Code starts it",
    },
  },
];

/** Full command name → arguments of an example. */
const EXAMPLES: Record<string, string> = {
  up: "",
  install: "--no-statusline",
  uninstall: "--dry-run",
  doctor: "--json",
  demo: "",
  "config show": "--json",
  "config set": "keep_read_days 7",
  peers: "--scope repo",
  send: 'api "the branch is form-2" --wait read',
  broadcast: 'front "the branch is form-2"',
  messages: "--peer api --limit 20",
  message: "01a21529-b89e-7ea7-8b80-7a214ad570c5",
  resend: "01a21529-b89e-7ea7-8b80-7a214ad570c5",
  outbox: "--json",
  policy: "hold --peer api --from web",
  held: "--peer api",
  unhold: "01a21529-b89e-7ea7-8b80-7a214ad570c5",
  pools: "--include-archived",
  "pool create": 'front "the new form, until it is merged"',
  "pool invite": 'front api --reason "you know the parser"',
  "pool join": "front --as api",
  "pool leave": "front --as api",
  "pool status": "front",
  "pool archive": "front",
  "release propose": 'front api "its part is merged"',
  "release vote": "7c31 yes --as web",
  "release decide": "7c31 passed",
  busy: '"the test suite" 600 --as api',
  ready: "--as api",
  "service list": "--kind web",
  "service register": "web http://localhost:5173",
  "service run": "web --url http://localhost:5173 -- npm run dev",
  "service unregister": "web",
  start: "--port 7900",
  kill: "",
  status: "--json",
  "broker status": "--json",
  notes: "--json",
  cost: "--hours 24",
  migrate: "--from sqlite --to postgres --dry-run",
  "lan-start": "--host 0.0.0.0",
  "lan-stop": "",
  join: "cct-join-1.Wy… --name studio",
  "device list": "--all",
  "device invite": "--scope post",
  "device add": "build-server --scope read",
  "device rename": "studio loft",
  "device revoke": "studio",
};

/** Adds groups, short lines and examples once all commands are there. A command that is in no group is listed last. */
export function arrangeHelp(program: Command): void {
  const lines = new Map(GROUPS.flatMap((group) => Object.entries(group.commands)));
  const order = [...lines.keys()];
  const place = (command: Command): number => (order.indexOf(command.name()) + order.length + 1) % (order.length + 1);
  for (const command of program.commands) {
    const name = command.name();
    const group = GROUPS.find((one) => Object.hasOwn(one.commands, name));
    command.summary(lines.get(name) ?? firstSentence(command)).helpGroup(group?.heading ?? LAST_HEADING);
    for (const leaf of command.commands) leaf.summary(firstSentence(leaf));
    for (const leaf of command.commands.length > 0 ? command.commands : [command]) addExample(leaf);
  }
  // Commander shows groups and commands in this order; its array is only typed as read-only.
  (program.commands as Command[]).sort((a, b) => place(a) - place(b));
  // Long lines are hard to read; 80 columns fit every terminal.
  program.configureHelp({ subcommandTerm: (command) => command.name(), helpWidth: 80 });
  program.addHelpCommand(
    new Command("help").argument("[command]").summary("show the help of a command").helpGroup(LAST_HEADING),
  );
}

function firstSentence(command: Command): string {
  const [sentence = ""] = /^.*?[.:](?=\s|$)/s.exec(command.description()) ?? [];
  return sentence.replace(/[.:]$/, "");
}

function addExample(command: Command): void {
  const group = command.parent?.parent ? `${command.parent.name()} ` : "";
  const name = group + command.name();
  const example = EXAMPLES[name];
  if (example !== undefined) command.addHelpText("after", `\nExample:\n  cct ${name}${example ? ` ${example}` : ""}`);
}
