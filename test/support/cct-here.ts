/**
 * The `cct` command in the test's own process, which costs a fraction of a new process. With `CCT_TEST_CLI=process`
 * every command is a process of its own instead, as users run it.
 */
import type { Output, Terminal } from "../../src/cli/parts/context.ts";
import { type CctOptions, type CctRun, cct } from "./cct.ts";
import { root } from "./folders.ts";
import { testWorld } from "./world.ts";

const IN_PROCESS = process.env.CCT_TEST_CLI !== "process";

/** Commands that start or end processes, or handle signals. */
const PROCESS_ONLY = [
  "backup",
  "demo",
  "doctor",
  "hook",
  "kill",
  "lan-start",
  "lan-stop",
  "mcp",
  "migrate",
  "restore",
  "service run",
  "start",
  "up",
];

/** Runs `cct` to its end, where it can in this process. */
export function cctHere(args: readonly string[], options: CctOptions): Promise<CctRun> {
  const command = `${args.join(" ")} `;
  const onlyPrints = args.includes("--help") && !args.includes("--");
  const needsProcess = !onlyPrints && PROCESS_ONLY.some((words) => command.startsWith(`${words} `));
  const isHere = (IN_PROCESS || options.columns !== undefined) && !needsProcess && !options.within && !options.package;
  return isHere ? runHere(args, options) : cct(args, options);
}

async function runHere(argv: readonly string[], { env, cwd = root, stdin = "", columns }: CctOptions): Promise<CctRun> {
  const { runCli } = await import("../../src/cli/main.ts");
  let [stdout, stderr] = ["", ""];
  const notHere = (what: string) => (): never => {
    throw new Error(`cct ${argv.join(" ")}: ${what}; it needs a process of its own`);
  };
  const output = (write: (text: string) => void): Output => ({
    write,
    writeNow: write,
    isOpen: async () => true,
    isTerminal: columns !== undefined,
    columns,
  });
  const terminal: Terminal = {
    stdout: output((text) => {
      stdout += text;
    }),
    stderr: output((text) => {
      stderr += text;
    }),
    stdin: {
      read: async () => Buffer.from(stdin),
      line: notHere("asks"),
      lines: () => linesOf(Buffer.from(stdin).toString()),
      isTerminal: false,
    },
    tty: notHere("takes the terminal"),
    onSignal: notHere("handles signals"),
    exit: notHere("ends the process"),
  };
  const code = await runCli(testWorld(env, { argv: [...argv], cwd }), terminal, {
    startBroker: notHere("starts a broker"),
    move: notHere("moves data"),
    backUp: notHere("copies a database"),
    checkDatabase: notHere("opens a database"),
    restore: notHere("replaces a database"),
  });
  return { code, stdout, stderr };
}

async function* linesOf(text: string): AsyncGenerator<string> {
  if (text !== "") yield* text.replace(/\n$/, "").split("\n");
}
