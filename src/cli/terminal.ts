/** The terminal of this process. Marked seam: the rest of the CLI gets its streams and signals from here. */
import type { Output, Terminal } from "./parts/context.ts";

export function processTerminal(): Terminal {
  // A reader that closes the pipe (`cct messages | head`) is not a failure.
  process.stdout.on("error", (error) => process.exit("code" in error && error.code === "EPIPE" ? 0 : 1));
  return {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    async readStdin() {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    onSignal(signals, handler, options) {
      for (const signal of signals) process[options?.once ? "once" : "on"](signal, handler);
      return () => {
        for (const signal of signals) process.off(signal, handler);
      };
    },
    exit: (code) => process.exit(code),
  };
}

const output = (stream: NodeJS.WriteStream): Output => ({
  write: (text) => void stream.write(text),
  isTerminal: Boolean(stream.isTTY),
  columns: stream.columns,
});
