/** The lines of the scripts in `plugin/` that differ between hosts, written from a host's data. The rest is the same for all. */
import { type EnvTest, eventOf, type Host, type HostEvent, MAIL, type Shape } from "./host.ts";

/** The script for a host: the given one with that host's lines between the marks. */
export function scriptFor(script: string, host: Host): string {
  const parts: Record<string, string[]> = {
    "process id": [processId(host)],
    subagents: [...(host.subagentHooks ? SUBAGENTS : []), ...(ringOf(host) ? ["rings=1"] : [])],
    words: words(host),
  };
  return script.replace(
    /^(# <host: (.*)>)\n[\s\S]*?^(# <\/host>)$/gm,
    (_all, begin: string, part: string, end: string) => [begin, ...(parts[part] ?? []), end].join("\n"),
  );
}

/** Sets `pid`. It becomes part of paths: the script checks it. */
export const processId = ({ pidVariable }: Pick<Host, "pidVariable">, name = "pid"): string =>
  `${name}=${pidVariable === undefined ? "$PPID" : `\${${pidVariable}-}`}`;

/** Ends the hook of a subagent. It tells its own name before all that others have written. */
const SUBAGENTS = [
  "if [[ $event == UserPromptSubmit || $event == Stop || $event == PostToolUse ]]; then",
  "  input=",
  "  if ((BASH_VERSINFO[0] > 3)); then",
  "    IFS= read -r -t 2 -N 65536 input",
  "  else",
  "    IFS= read -r -t 2 -d '' -n 65536 input",
  "  fi 2>/dev/null",
  '  pattern=\'"agent_id"[[:space:]]*:[[:space:]]*"[^"]\'',
  '  [[ ${input%%\\"tool_input\\"*} =~ $pattern ]] && exit 0',
  "fi",
];

function words(host: Host): string[] {
  const { own, search } = host.tools;
  return [
    `unattended() { ${host.unattended.process ? "[[ ! -s $spool/attended ]]" : condition(host.unattended.hooks)}; }`,
    `died=${quoted(JSON.stringify(host.words.died).slice(1, -1))}`,
    `untouchable=${quoted(`(${search}|${own}[^"]*)`)}`,
    `ring=${quoted(ringOf(host))}`,
    `unanswered=${quoted(eventOf(host, "Stop")?.unanswered ?? "")}`,
    // Where the host tells of each request, only that proves that the model has what came with a prompt.
    `turn=${eventOf(host, "PreModelRequest") ? "done" : "seen"}`,
    "answer= denial=",
    "case $event in",
    ...Object.values(host.events).flatMap(row),
    "esac",
  ];
}

/** Bash for: one of the tests holds. */
const condition = (tests: readonly EnvTest[]): string =>
  tests.length === 0
    ? "false"
    : `[[ ${tests.map(([name, value]) => `\${${name}-} == ${value || "''"}`).join(" || ")} ]]`;

/** What continues a turn without mail. */
const ringOf = (host: Host): string => {
  const { ring } = eventOf(host, "Stop") ?? {};
  return ring === undefined ? "" : template(ring);
};

function row({ role, mail, hold, block }: HostEvent, at: number, all: HostEvent[]): string[] {
  if (mail === undefined && hold === undefined) return [];
  // Another event with that role has the same answer.
  if (all.findIndex((one) => one.role === role) !== at) return [];
  const set = (name: string, shape: Shape | undefined): string[] =>
    shape === undefined ? [] : [`${name}=${quoted(template(shape))}`];
  return [
    `${role === "FileChanged" ? "FileChanged | Waiter" : role})`,
    ...set("answer", mail).map((line) => `  ${line}`),
    ...set("denial", hold).map((line) => `  ${line}`),
    ...set("answer", block).map((line) => `  [[ $option != block ]] || ${line}`),
    "  ;;",
  ];
}

/** For printf: JSON without its outer brackets, and the mail as JSON in the place of a string. */
const template = (shape: Shape): string =>
  typeof shape === "string" ? shape : JSON.stringify(shape).slice(1, -1).replace(`"${MAIL}"`, MAIL);

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
