/** The terminal of this process. Marked seam: the rest of the CLI gets its streams and signals from here. */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { isatty } from "node:tty";
import { systemCode } from "../platform/errors.ts";
import type { Output, Terminal } from "./parts/context.ts";
import { processTty } from "./tty.ts";

/** How much of an input that is too long is read to its end. */
const DRAINED_BYTES = 64 * 1024 * 1024;

const [STDIN, STDOUT, STDERR] = [0, 1, 2];

export function processTerminal(): Terminal {
  // Both streams are opened here and never later: opening one makes its pipe non-blocking, and starting a child process
  // makes the pipes that the child inherits blocking again.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", onOutputError);
  return {
    stdout: output(process.stdout, STDOUT),
    stderr: output(process.stderr, STDERR),
    stdin: {
      async read(limit) {
        const chunks: Buffer[] = [];
        let size = 0;
        for await (const chunk of process.stdin) {
          if (size <= limit) chunks.push(chunk);
          size += chunk.length;
          // Not at the limit: who writes into the pipe would fail with it, and say so before this program does.
          if (size > limit + DRAINED_BYTES) break;
        }
        return Buffer.concat(chunks);
      },
      async line() {
        const lines = createInterface({ input: process.stdin });
        const line = await new Promise<string>((resolve) =>
          lines.once("line", resolve).once("close", () => resolve("")),
        );
        lines.close();
        return line;
      },
      lines: () => createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY }),
      // `process.stdin` is opened only to be read: a child process may need the input.
      isTerminal: isatty(STDIN),
    },
    tty: processTty,
    onSignal(signals, handler, options) {
      for (const signal of signals) process[options?.once ? "once" : "on"](signal, handler);
      return () => {
        for (const signal of signals) process.off(signal, handler);
      };
    },
    exit: (code) => process.exit(code),
  };
}

/**
 * Never ends the process: a command finishes its work and cleans up, even when nobody reads its output. A reader that closes the pipe
 * (`cct messages | head`) is not a failure; a full disk is one.
 */
function onOutputError(error: Error): void {
  if (systemCode(error) === "EPIPE" || hasFailed) return;
  hasFailed = true;
  try {
    writeSync(STDERR, `cct: The output could not be written (${systemCode(error) ?? error.message}).\n`);
  } catch {
    // Standard error is what cannot be written.
  }
  process.once("exit", () => {
    process.exitCode = 1;
  });
}

/** One line is enough, however many writes fail. */
let hasFailed = false;

const output = (stream: NodeJS.WriteStream, descriptor: number): Output => ({
  write: (text) => void stream.write(text),
  writeNow(text) {
    // Not through the stream: a closed pipe would end the process there.
    try {
      writeSync(descriptor, text);
    } catch {
      // Nobody reads it.
    }
  },
  // A write that fails is reported after it.
  async isOpen() {
    // A slow reader is waited for, so that what it has not read is not kept in memory.
    if (stream.writableNeedDrain && !stream.destroyed)
      await new Promise<void>((resolve) => {
        const done = (): void => {
          for (const event of ["drain", "close", "error"]) stream.off(event, done);
          resolve();
        };
        for (const event of ["drain", "close", "error"]) stream.on(event, done);
      });
    return new Promise((resolve) => setImmediate(() => resolve(!stream.destroyed && !hasFailed)));
  },
  isTerminal: isatty(descriptor),
  columns: stream.columns,
});
