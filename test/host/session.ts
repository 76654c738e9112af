/** A session of the real Claude Code in a terminal, as its user has it: typed at, looked at, ended. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Request, type RequestLog, type ToolResult, toolResults } from "./requests.ts";
import { cct, say, type ToolCall, type Turn, use } from "./script.ts";
import type { Terminal, Terminals } from "./terminals.ts";
import { pause, until } from "./wait.ts";

export interface Outgoing {
  to: string;
  text: string;
  urgency?: "interrupt" | "normal" | "low";
}

export interface Session {
  name: string;
  pid: number;
  /** The program has ended. */
  ended: Promise<void>;
  /** Types a prompt whose turns are scripted; resolves when the model was asked. */
  play(...turns: Turn[]): Promise<void>;
  /** Its model sends messages, all in one turn; resolves when that turn is over. */
  send(...messages: Outgoing[]): Promise<ToolResult[]>;
  type(text: string): Promise<void>;
  key(key: string): Promise<void>;
  screen(): Promise<string>;
  /** The screen with what was scrolled out of it. */
  history(): Promise<string>;
  requests(): Request[];
  /** The last request: the whole conversation as the model saw it. */
  last(): Request | undefined;
  /** Resolves with the first request that holds `word`. */
  given(word: string, seconds?: number): Promise<Request>;
  /** What the host says that it does: idle, busy or waiting (for a permission). */
  status(): string | undefined;
  /** Resolves when the model has answered everything and the session is idle. */
  turnOver(): Promise<void>;
  /** Whether mail lies where the hooks find it. */
  hasMail(): boolean;
}

/** The places of a stage that a session's files lie in. */
export interface Places {
  home: string;
  cctHome: string;
  scripts: string;
}

let scripts = 0;

/** Writes a script for the scripted model; answers with the prompt that plays it. */
export function writeScript(folder: string, turns: readonly Turn[]): string {
  const id = `s${++scripts}x${Math.random().toString(36).slice(2, 6)}`;
  writeFileSync(join(folder, `${id}.json`), JSON.stringify(turns));
  return `PLAY ${id}`;
}

export async function openSession(
  name: string,
  terminals: Terminals,
  command: readonly string[],
  cwd: string,
  log: RequestLog,
  places: Places,
): Promise<Session> {
  const terminal = await terminals.open(command, cwd);
  const { pid } = terminal;
  const note = join(places.home, ".claude", "sessions", `${pid}.json`);
  const spool = join(places.cctHome, "spool", String(pid));

  const requests = (): Request[] => log.of(name);
  const last = (): Request | undefined => requests().at(-1);
  const waitFor = <T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>, seconds = 20) =>
    until(`${name}: ${what}`, look, { seconds, instead: () => `its screen:\n${terminal.lastSeen()}` });

  function status(): string | undefined {
    try {
      return JSON.parse(readFileSync(note, "utf8")).status;
    } catch {
      // Not written yet, or just being written.
      return undefined;
    }
  }

  await waitFor("the session is ready", async () => {
    await terminal.screen();
    return status() === "idle" && existsSync(join(places.cctHome, "pidmaps", String(pid)));
  });

  const session: Session = {
    name,
    pid,
    ended: terminal.ended,
    async play(...turns) {
      const prompt = writeScript(places.scripts, turns);
      const asked = (): boolean => requests().some((request) => JSON.stringify(request.messages).includes(prompt));
      await session.type(prompt);
      await session.key("Enter");
      // Keys that come while the screen is being drawn anew are sometimes taken for a line break: then once more.
      await waitFor("its model is asked", asked, 4).catch(() => session.key("Enter"));
      await waitFor("its model is asked", asked);
    },
    async send(...messages) {
      const calls: ToolCall[] = messages.map((message) => cct("send_message", { ...message }));
      const before = toolResults(last()).length;
      await session.play(use(...calls), say("sent"));
      await session.turnOver();
      return toolResults(last()).slice(before);
    },
    async type(text) {
      await terminal.type(text);
      await waitFor(`the typed text is on the screen: ${text}`, async () => (await terminal.screen()).includes(text));
      await pause(100);
    },
    key: (key) => terminal.key(key),
    screen: () => terminal.screen(),
    history: () => terminal.history(),
    requests,
    last,
    given: (word, seconds = 20) =>
      waitFor(
        `its model is given ${word}`,
        async () => {
          await terminal.screen();
          return requests().find((request) => JSON.stringify(request.messages).includes(word));
        },
        seconds,
      ),
    status,
    async turnOver() {
      await waitFor(
        "its turn is over",
        async () => {
          await terminal.screen();
          return log.hasEnded(name) && status() === "idle";
        },
        30,
      );
    },
    hasMail: () => existsSync(join(spool, "mail")),
  };
  return session;
}

export type { Terminal };
