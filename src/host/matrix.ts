/** `docs/hosts.md`, made from the table of rungs. */
import { ladder, PLUGIN_SINCE, rungsOf } from "./ladder.ts";

/** One version for every step of the table, oldest first. */
function steps(): string[] {
  const versions = new Set([...ladder.map((rung) => rung.since), PLUGIN_SINCE]);
  return [...versions].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

export function hostsPage(): string {
  const versions = steps();
  const lines = [
    "# Hosts",
    "",
    "Which rung of the delivery ladder needs which version of Claude Code. Made by `npm run surface` from",
    "`src/host/ladder.ts`, the table that `cct install` and `cct doctor` use too; do not edit.",
    "",
    "| rung | delivers | since |",
    "|---|---|---|",
    ...ladder.map(({ name, moment, since }) => `| ${name} | ${moment} | ${since} |`),
    "",
    "What a version has, from that version on:",
    "",
    `| version | installed as | ${ladder.map((rung) => rung.name).join(" | ")} |`,
    `|---|---|${ladder.map(() => "---").join("|")}|`,
    ...versions.map((version) => {
      const have = rungsOf(version);
      const way = wayWords(version, versions);
      return `| ${version} | ${way} | ${ladder.map((rung) => (have.includes(rung) ? "✓" : "–")).join(" | ")} |`;
    }),
    "",
    ...NOTES,
  ];
  return `${lines.join("\n")}\n`;
}

function wayWords(version: string, versions: readonly string[]): string {
  return versions.indexOf(version) >= versions.indexOf(PLUGIN_SINCE) ? "plugin" : "entries in the settings";
}

const NOTES = [
  "## What an old host does",
  "",
  "- **Without `PreToolUse inject`** the host drops what stands beside a tool's result. There all mail is delivered as with",
  "  `CCT_DELIVERY=block`: it holds the next tool call back, once, and is the reason.",
  "- **Without `FileChanged wake`** nothing wakes an idle session: mail waits for the next prompt. `CCT_POLL=1` (or",
  "  `cct config set poll true`) makes CCT's instructions ask the model for a job (CronCreate, which 2.1.100 has) that looks",
  "  for mail once a minute. Every look is a turn that is paid for, with or without mail, so it is off by default.",
  "- An event that a version does not know makes it reject all hooks of its settings, so install names only what the table",
  "  gives the version that it finds. After an update of Claude Code, `cct up` installs what the new one can.",
  "",
  "## Without bash",
  "",
  "Windows has no bash that starts in two milliseconds. `cct install --hooks mcp_tool`, what is usual there, makes the plugin's",
  "hooks calls of a tool of the session server; the rungs are the same ones. Two hooks are programs (`cct hook`, by node): when",
  "the session starts, because the host has no servers yet, and the one that wakes. The status line is left alone there.",
  "Versions that load no plugin get bash in any case. When the session server was killed, the host tells its user at every",
  "step that the hook's server is not connected; tools run all the same.",
  "",
  "Tried on Linux with 2.1.330 (`test/host/toolhooks.test.ts`); on Windows itself nothing has been tried.",
  "",
  "## What was tried",
  "",
  "- 2.1.330, all rungs: `test/host/`.",
  "- 2.1.100, from npm, with the same scripted model: `test/host/old.test.ts`. Mail that comes while it works holds one tool",
  "  call back, CCT's own tools run, and mail that comes at the end makes it go on. It shows a denial's reason twice, as the",
  "  tool's result and as a reminder.",
  "- The other versions of the table are not run by any test.",
];
