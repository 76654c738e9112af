/** The path without mail is taken at every tool call of every session: it starts no program and reads no input. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { canTrace, notRun } from "../support/not-run.ts";
import { type Event, newSpool, runCommand, silence } from "./hook.ts";

const NAME = "hooks without mail start no program";

const traced = test.skipIf(!canTrace() && notRun(NAME, "strace is not installed, or may not trace processes"));

/** Traces a command into `file`. Whole strings: cut ones would not tell a script that lies deep in folders. */
function tracing(file: string, command: readonly string[]): string[] {
  return ["strace", "-f", "-s", "4096", "-e", "trace=process,read", "-o", file, ...command];
}

/** The system calls by which programs are started, and the reads of standard input. */
async function calls(event: Event, prepare: (spool: ReturnType<typeof newSpool>) => void): Promise<string[]> {
  const spool = newSpool();
  prepare(spool);
  const file = join(spool.home, "trace");
  const within = (command: string[]) => tracing(file, command);
  expect(await spool.run(event, {}, { within })).toEqual(silence);
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => /\b(fork|vfork|clone3?|execve|execveat)\(|\bread\(0,/.test(line));
}

traced.each<Event>(["PreToolUse", "PostToolBatch", "FileChanged", "UserPromptSubmit", "Stop", "StopFailure"])(
  "%s without mail starts no program and reads no input",
  async (event) => {
    const [start, ...more] = await calls(event, () => {});
    expect(start).toMatch(/execve\(.*mail\.sh/);
    expect(more).toEqual([]);
  },
);

traced(
  "nor does a tool call in a batch whose mail was shown, nor a file change while the session is active",
  async () => {
    const given = await calls("PreToolUse", (spool) => {
      spool.write("batches", "");
      spool.write("done.1-1", 'normal inject message-0001:1\n"x"\nx\n');
    });
    expect(given).toHaveLength(1);
    const busy = await calls("FileChanged", (spool) => {
      spool.put();
      spool.write("state", "active\n");
    });
    // Small files are read in the place of standard input.
    expect(busy.filter((line) => !line.includes("read(0"))).toHaveLength(1);
  },
);

/** Most of what a hook costs besides its bash are system calls and the text that bash parses. */
traced.each<[Event, number]>([
  ["PreToolUse", 4],
  ["PostToolBatch", 6],
  ["UserPromptSubmit", 50],
  ["Stop", 50],
])(
  "%s without mail makes few system calls more than a bash that does nothing, in a session that is served",
  async (event, most) => {
    const spool = newSpool();
    spool.write("server", `${process.pid} 1234\n`);
    for (const before of ["SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop"] as const)
      await spool.run(before);
    const file = join(spool.home, "trace");
    const within = (command: readonly string[]) => ["strace", "-f", "-qq", "-o", file, ...command];
    const traced = () => readFileSync(file, "utf8").trim().split("\n").length;
    expect(await spool.run(event, {}, { within })).toEqual(silence);
    const calls = traced();
    const env = { PATH: process.env.PATH, HOME: join(spool.home, "..") };
    expect(await runCommand(within(["bash", "-c", ":"]), env, "{}")).toEqual(silence);
    expect(calls - traced()).toBeLessThanOrEqual(most);
  },
);

traced("the trace shows what a hook with mail starts and reads", async () => {
  const spool = newSpool();
  spool.put();
  const file = join(spool.home, "trace");
  await spool.run("PreToolUse", {}, { within: (command) => tracing(file, command) });
  expect(readFileSync(file, "utf8")).toMatch(/read\(0,[\s\S]*execve\([^\n]*"mv"/);
});

/** Every socket but local ones: bash itself asks the machine's own name service who its user is. */
const isNetwork = (line: string): boolean => /\bsocket\((?!AF_UNIX)/.test(line);

traced("the trace shows a connection", async () => {
  const spool = newSpool();
  const file = join(spool.home, "trace");
  const command = ["strace", "-f", "-s", "4096", "-e", "trace=network,execve", "-o", file];
  await runCommand([...command, "bash", "-c", ": </dev/tcp/127.0.0.1/9"], { PATH: process.env.PATH }, "");
  expect(readFileSync(file, "utf8").split("\n").some(isNetwork)).toBe(true);
});

traced.each<Event>(["PreToolUse", "PostToolBatch", "UserPromptSubmit", "Stop"])(
  "%s never uses the network, with or without mail: a slow link to the broker cannot delay it",
  async (event) => {
    for (const mail of [false, true]) {
      const spool = newSpool();
      if (mail) spool.put();
      const file = join(spool.home, "trace");
      const within = (command: string[]) => [
        "strace",
        "-f",
        "-s",
        "4096",
        "-e",
        "trace=network,execve",
        "-o",
        file,
        ...command,
      ];
      const { status, stdout } = await spool.run(event, {}, { within });
      expect([status, stdout !== ""]).toEqual([0, mail]);
      const lines = readFileSync(file, "utf8").split("\n");
      expect(lines.some((line) => /execve\(.*mail\.sh/.test(line))).toBe(true);
      expect(lines.filter(isNetwork)).toEqual([]);
    }
  },
);
