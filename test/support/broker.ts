/** A real broker process with a home of its own on a port of its own. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readIfThere } from "../../src/platform/home.ts";
import { atEnd } from "./cleanup.ts";
import { databaseEnv } from "./database.ts";
import { root, tempHome } from "./folders.ts";
import { type Exit, type Running, run } from "./process.ts";
import { until } from "./wait.ts";

export interface TestBroker {
  home: string;
  url: string;
  pid: number;
  token: string;
  process: Running;
  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Exit>;
}

export interface BrokerOptions {
  home?: string;
  /** 0, the default: any free one. */
  port?: number;
  env?: Record<string, string>;
  /** Wraps the command line, for a broker in surroundings of its own. */
  within?: (command: readonly string[]) => [string, string[]];
}

/** Starts the program as a user would, without waiting for anything. */
export function launch(options: BrokerOptions = {}): Running & { home: string } {
  const home = options.home ?? tempHome();
  const command = [process.execPath, join(root, "dist/bin.js"), "start", "--foreground"];
  const [program = "", args] = options.within?.(command) ?? [command[0], command.slice(1)];
  const env = {
    HOME: dirname(home),
    CCT_HOME: home,
    CCT_PORT: String(options.port ?? 0),
    ...databaseEnv(home),
    ...options.env,
  };
  return { ...run(program, args, { env }), home };
}

/** Starts a broker; answers when it serves. */
export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  const started = launch(options);
  const { home, pid } = started;
  let ended: Exit | undefined;
  started.exited.then((exit) => {
    ended = exit;
  });
  const note = await until("the broker's note of where it listens", () => {
    if (ended) throw new Error(`the broker ended: ${JSON.stringify(ended)} ${started.stderr()}`);
    // It says so once it is all there; the note alone comes a moment before.
    return started.stdout().includes("listens on") && brokerNote(pid, home);
  });
  const token = readFileSync(seenBy(pid, join(home, "token")), "utf8").trim();
  return { home, url: note.url, pid, token, process: started, stop: started.stop };
}

/** A broker's file, also when it lies on a disk that only the broker sees. */
export function seenBy(pid: number, path: string): string {
  return process.platform === "linux" ? `/proc/${pid}/root${path}` : path;
}

/** What the broker `pid` wrote about itself; nothing while an earlier one's note stands there. */
function brokerNote(pid: number, home: string): { url: string } | undefined {
  try {
    const note: { pid: number; url: string } = JSON.parse(readFileSync(seenBy(pid, join(home, "broker.json")), "utf8"));
    return note.pid === pid ? note : undefined;
  } catch {
    return undefined;
  }
}

/** Starts a broker that is expected to refuse; answers how it ended. */
export async function refusedStart(options: BrokerOptions = {}): Promise<Exit & { stderr: string; stdout: string }> {
  const started = launch(options);
  const exit = await started.exited;
  return { ...exit, stderr: started.stderr(), stdout: started.stdout() };
}

/** Sees to it that a broker which sessions start by themselves for `home` ends with the test file. */
export function endBrokerOf(home: string): void {
  atEnd(async () => {
    // A broker that ended well has taken its note along.
    const note = readIfThere(join(home, "broker.json"));
    if (note === undefined) return;
    const { pid } = JSON.parse(note);
    const ended = (): boolean => {
      try {
        return !process.kill(pid, "SIGKILL");
      } catch {
        return true;
      }
    };
    await until("the sessions' broker has ended", ended);
  });
}
