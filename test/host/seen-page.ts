/** Measures what the model was shown of CCT in a real session, and writes `docs/what-a-model-sees.md`. */
import { placeOf, type Request } from "./requests.ts";

/** What the model was shown at one occasion. `body`: the peer's words in it. */
export interface Seen {
  what: string;
  text: string;
  body: string;
}

/** The rule by which tokens are counted here. */
const tokens = (characters: number): number => Math.ceil(characters / 4);

/** Ids and test words are others in each run, and always as long. */
const steady = (text: string): string =>
  text
    .replace(/\(([0-9a-f]{4})\)/g, "(7c31)")
    .replace(/\(peer [0-9a-f]{4}\)/g, "(peer 7c31)")
    .replace(/(id |="|pos)[0-9a-f]{8}\b/g, "$101a21479")
    .replace(/(word|why|purpose)[0-9a-f]{8}/g, "$101234567");

/** The name is said with the instructions or with the first mail, whichever comes after the session has registered. */
const withoutName = (text: string): string =>
  text.replace(/; you are "[^"]+" \([0-9a-f]{4}\)/, "").replace(/You are "[^"]+" \([0-9a-f]{4}\)\. /, "");
const NAME: Fixed = { what: "its name, with the instructions or its first mail", text: 'You are "api" (7c31). ' };

/** Which of the two hooks takes mail that comes during a call depends on the moment. */
const sameLabel = (text: string): string => text.replace(/^PreToolUse:\w+(?= hook additional)/, "PostToolBatch");

/** Ours: from the frame's first word to its last line. The rest is the host's. */
function ours(text: string): string {
  const from = text.search(/CCT (mail|notice)(?= \d+\/| ·| came)/);
  return from < 0 ? text : text.slice(from).replace(/(\s*(<|&lt;)\/system-reminder(>|&gt;))+\s*$/, "");
}

export interface Fixed {
  what: string;
  text: string;
}

/** What CCT adds to the first request of a session, whatever comes. */
export function fixedParts({ ours: tools, messages, system }: Request): Fixed[] {
  const all = JSON.stringify([system, messages]);
  const text = messages
    .flatMap(({ content }) => (typeof content === "string" ? [content] : content.map((block) => block.text ?? "")))
    .join("\n");
  if (all.includes("## plugin:cct:cct")) throw new Error("the MCP server gives instructions, too");
  if (text.split("CCT connects this session").length !== 2) throw new Error("the instructions do not stand there once");
  const lines = text.split("\n");
  return [
    { what: `definitions of the ${tools.length} tools that are loaded`, text: tools.join("") },
    {
      what: "names of the tools that are not",
      text: [...new Set(lines.filter((line) => /^mcp__plugin_cct_cct__\w+$/.test(line)))].join("\n"),
    },
    {
      what: "instructions",
      text: withoutName(
        /SessionStart hook additional context: CCT connects[\s\S]*?\n(?=\n|$)/.exec(`${text}\n\n`)?.[0].trim() ?? "",
      ),
    },
    NAME,
    { what: "the skill's line", text: lines.find((line) => line.startsWith("- cct:cct:")) ?? "" },
  ];
}

/** The text in a request that holds `word`, as one occasion. */
export function seenIn(what: string, request: Request | undefined, word: string, body = ""): Seen {
  const text = request && placeOf(request, word)?.text;
  if (text === undefined) throw new Error(`${what}: ${word} was not given`);
  return { what, text: sameLabel(withoutName(text)), body };
}

export function totalTokens(fixed: readonly Fixed[]): number {
  return fixed.reduce((sum, { text }) => sum + tokens(text.length), 0);
}

export function page(fixed: readonly Fixed[], seen: readonly Seen[], host: string): string {
  const row = (...cells: (string | number)[]): string => `| ${cells.join(" | ")} |`;
  const example = ({ what, text }: Seen): string[] => ["", `**${what}**`, "", "```", steady(ours(text)), "```"];
  return [
    "# What a model sees of CCT",
    "",
    `For people who pay for tokens, and for those who change a text. Made from the requests of real sessions (Claude Code ${host})`,
    "by `test/host/seen.test.ts`, which compares it: `npx vitest run test/host/seen.test.ts -u` writes it again.",
    "The words stand in `src/rules/texts/`, each with its reason ([decision](decisions/0039-texts-that-a-model-reads.md)).",
    "",
    "A token is counted as four characters. In each session, whatever comes:",
    "",
    row("what", "characters", "tokens"),
    row("---", "---:", "---:"),
    ...fixed.map(({ what, text }) => row(what, text.length, tokens(text.length))),
    row(
      "**together**",
      fixed.reduce((sum, { text }) => sum + text.length, 0),
      totalTokens(fixed),
    ),
    "",
    "With each mail. The body, a peer's words, is not counted; what the host puts around it is given apart.",
    "",
    row("occasion", "CCT's characters", "tokens", "the host's characters"),
    row("---", "---:", "---:", "---:"),
    ...seen.map(({ what, text, body }) => {
      const mine = ours(text).length - body.length;
      return row(what, mine, tokens(mine), text.length - ours(text).length);
    }),
    "",
    "The texts, without what the host adds:",
    ...seen.flatMap(example),
    "",
  ].join("\n");
}
