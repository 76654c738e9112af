/** A session of the real Claude Code in a terminal: typing, reading the screen, exiting. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Request, type RequestLog, type ToolResult, timesIn, toolResults } from "./requests.ts";
import { cct, say, type ToolCall, type Turn, use } from "./script.ts";
import type { Terminals } from "./terminals.ts";
import { pause, until } from "./wait.ts";

export interface Outgoing {
  to: string;
  text: string;
  urgency?: "interrupt" | "normal" | "low";
}

export interface Session {
  name: string;
  pid: number;
  /** Types a prompt whose turns are scripted; resolves when the model was asked. */
  play(...turns: Turn[]): Promise<void>;
  /** Its model sends messages, all in one turn; resolves when that turn is over. */
  send(...messages: Outgoing[]): Promise<ToolResult[]>;
  /** Types one of the host's own commands, and Enter. */
  command(line: string): Promise<void>;
  type(text: string): Promise<void>;
  key(key: string): Promise<void>;
  screen(): Promise<string>;
  /** The screen with what was scrolled out of it. */
  history(): Promise<string>;
  requests(): Request[];
  /** The last request: the whole conversation as the model saw it. */
  last(): Request | undefined;
  /** Resolves with the first request that holds `word`. */
  given(word: string): Promise<Request>;
  /** The id of the conversation, as `claude --resume` takes it. */
  conversationId(): string;
  /** What the host says that it does: idle, busy or waiting (for a permission). */
  status(): string | undefined;
  /** Resolves when the model has answered everything and the session is idle. */
  turnOver(): Promise<void>;
  /** Resolves when the session is idle after Escape, which leaves the model's last answer open. */
  turnStopped(): Promise<void>;
  /** Resolves when the host asks its user for a permission. */
  asksForPermission(): Promise<void>;
  /** Its user says yes to that. */
  allow(): Promise<void>;
  /** Brings a session that a failed test left in the middle of something back to an empty prompt. */
  calm(): Promise<void>;
  /** Resolves when mail lies where the hooks find it. */
  mailWaits(): Promise<void>;
  /** Resolves when a hook has taken the mail that lay there. */
  mailTaken(): Promise<void>;
  /** Its user types /exit; resolves when the program has ended. */
  exit(): Promise<void>;
}

/** The places of a stage that a session's files lie in. */
export interface Places {
  home: string;
  cctHome: string;
  scripts: string;
  /** Whether the session has CCT, so that it is ready only when that is. */
  installed: boolean;
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
  const waitFor = <T>(
    what: string,
    look: () => T | undefined | false | Promise<T | undefined | false>,
    seconds = 120,
  ) => until(`${name}: ${what}`, look, { seconds, instead: () => `its screen:\n${terminal.lastSeen()}` });

  /** What the host writes about its session; `statusUpdatedAt` is in milliseconds since 1970. */
  function hostSays(): { status?: string; statusUpdatedAt?: number; sessionId?: string } {
    try {
      return JSON.parse(readFileSync(note, "utf8"));
    } catch {
      // Not written yet, or just being written.
      return {};
    }
  }
  const status = (): string | undefined => hostSays().status;

  await waitFor("the session is ready", async () => {
    await terminal.screen();
    return status() === "idle" && (!places.installed || existsSync(join(places.cctHome, "pidmaps", String(pid))));
  });

  /** The host drops some keys that come while it draws: then the user presses again. */
  async function pressUntil(key: string, what: string, look: () => boolean): Promise<void> {
    for (let tries = 0; ; tries++) {
      await terminal.key(key);
      const done = await waitFor(what, async () => (await terminal.screen()) !== "" && look(), 3).catch((error) => {
        if (tries > 40) throw error;
      });
      if (done) return;
    }
  }

  const session: Session = {
    name,
    pid,
    async play(...turns) {
      const prompt = writeScript(places.scripts, turns);
      const asked = (): boolean => requests().some((request) => timesIn(request, prompt) > 0);
      await session.type(prompt);
      await pressUntil("Enter", "its model is asked", asked);
    },
    async send(...messages) {
      const calls: ToolCall[] = messages.map((message) => cct("send_message", { ...message }));
      const before = toolResults(last()).length;
      await session.play(use(...calls), say("sent"));
      await session.turnOver();
      return toolResults(last()).slice(before);
    },
    async command(line) {
      await session.type(line);
      await session.key("Enter");
    },
    async type(text) {
      const isThere = async (): Promise<boolean> => (await terminal.screen()).includes(text);
      for (let tries = 0; ; tries++) {
        await terminal.type(text);
        const done = await waitFor(`the typed text is on the screen: ${text}`, isThere, 10).catch((error) => {
          if (tries > 10) throw error;
        });
        if (done) break;
        // Some of it was dropped.
        await terminal.key("C-u");
      }
      await pause(100);
    },
    key: (key) => terminal.key(key),
    screen: () => terminal.screen(),
    history: () => terminal.history(),
    requests,
    last,
    given: (word) =>
      waitFor(`its model is given ${word}`, async () => {
        await terminal.screen();
        return requests().find((request) => timesIn(request, word) > 0);
      }),
    conversationId: () => hostSays().sessionId ?? "",
    status,
    async turnOver() {
      await waitFor("its turn is over", async () => {
        await terminal.screen();
        // The word must be of after the last request: it comes with a delay, and for a turn that is over at once not at
        // all. So three seconds later the old word is believed too.
        const { status, statusUpdatedAt = 0 } = hostSays();
        const asked = last()?.at ?? 0;
        const isNews = statusUpdatedAt >= asked || Date.now() - asked > 3_000;
        return log.hasEnded(name) && status === "idle" && isNews;
      });
    },
    async turnStopped() {
      await waitFor("its turn is stopped", () => status() === "idle");
    },
    async asksForPermission() {
      await waitFor("the host asks for a permission", async () => {
        await terminal.screen();
        return status() === "waiting";
      });
    },
    async allow() {
      await pressUntil("Enter", "the permission is given", () => status() !== "waiting");
    },
    async calm() {
      if (status() === undefined) return;
      if (status() !== "idle") await pressUntil("Escape", "it is calm", () => status() === "idle");
      await terminal.key("C-u");
    },
    async mailWaits() {
      await waitFor("mail lies in its spool", () => existsSync(join(spool, "mail")));
    },
    async mailTaken() {
      await waitFor("a hook takes its mail", () => !existsSync(join(spool, "mail")));
    },
    async exit() {
      await session.command("/exit");
      await waitFor("the program ends", () => terminal.hasEnded());
    },
  };
  return session;
}
