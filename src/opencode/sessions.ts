/** The sessions of this process that are peers: each has a session server, which hooks ask for mail. */
import { WAKE } from "../rules/texts/frames.ts";
import { type Answer, type Server, startServer } from "./server.ts";

/** What the plugin gets of OpenCode: its API, as far as it is used here. */
export interface Api {
  session: {
    get(request: { path: { id: string } }): Promise<unknown>;
    promptAsync(request: { path: { id: string }; body: object }): Promise<unknown>;
  };
}

export interface Start {
  node: string;
  /** CCT's folder. */
  root: string;
  /** OpenCode's own. */
  process: { argv: readonly string[]; env: Readonly<Record<string, string | undefined>> };
}

/** What a hook's answer has for the model. */
interface Given {
  mail: string;
  /** Why a tool call is held back. */
  reason?: string;
}

export interface Session {
  id: string;
  /** With whom the last prompt was: a turn that mail begins has the same agent, so the same permissions. */
  turn: { agent?: unknown; model?: unknown; variant?: unknown };
  instructions: Promise<string | undefined>;
  /** Tells of an event; the mail that may stand in it now. */
  hook(event: string, about?: object): Promise<Given | undefined>;
  call(tool: string, input: object): Promise<Answer | undefined>;
  /** A prompt came. Returns whether it is our own, with which a turn begins for mail. */
  prompted(text: string): boolean;
  isBusy: boolean;
  usedAt: number;
  close(): void;
  hasEnded(): boolean;
}

/** A hook that takes longer must not stop the host. What it brings comes with the next one. */
const HOOK_MS = 10_000;
/** Of one process. The one that was used longest ago ends, and is a peer again with its next prompt. */
const MAX_SESSIONS = 16;
/** So many turns in a row may begin for mail that then is not there. */
const MAX_EMPTY = 2;

export function openSession(
  id: string,
  cwd: string,
  api: Api,
  start: Start,
  client: { name: string; version: string },
): Session {
  /** Mail that came too late for its hook. */
  const owed: string[] = [];
  let rung = false;
  let empty = 0;
  const { env: environment } = start.process;
  const server: Server = startServer(
    { node: start.node, program: `${start.root}/dist/bin.js`, cwd, env: environment, client },
    () => void ring(),
  );
  const meta = { session: id };

  /** Begins a turn. The hook of its prompt brings the mail. */
  async function ring(): Promise<void> {
    if (self.isBusy || rung || empty >= MAX_EMPTY) return;
    rung = true;
    const { agent, model, variant } = self.turn;
    const body = { agent, model, variant, parts: [{ type: "text", text: WAKE.rewakeSummary, synthetic: false }] };
    try {
      await api.session.promptAsync({ path: { id }, body });
    } catch {
      // The server rings again.
    } finally {
      setTimeout(() => {
        rung = false;
      }, HOOK_MS).unref();
    }
  }

  async function ask(event: string, about: object): Promise<Given | undefined> {
    const answer = await server.call("hook", { event, session: id, ...about }, meta);
    const { mail, reason } = objectIn(answer?.text ?? "{}");
    if (typeof mail !== "string" || mail === "") return undefined;
    return { mail, ...(typeof reason === "string" && { reason }) };
  }

  const self: Session = {
    id,
    turn: {},
    instructions: within(server.instructions, HOOK_MS),
    async hook(event, about = {}) {
      const asked = ask(event, about);
      const late = (): void => {
        void asked.then((given) => {
          if (given) owed.push(given.mail);
        });
      };
      const given = await within(asked, HOOK_MS, late);
      const isCarrier = event === "UserPromptSubmit" || event === "PostToolUse";
      const before = isCarrier ? owed.splice(0) : [];
      const mail = [...before, ...(given ? [given.mail] : [])].join("\n\n");
      if (event === "UserPromptSubmit") empty = mail === "" ? empty : 0;
      return mail === "" ? undefined : { ...given, mail };
    },
    call: (tool, input) => server.call(tool, input, meta),
    prompted(text) {
      const isOurs = rung && text === WAKE.rewakeSummary;
      rung = false;
      empty = isOurs ? empty + 1 : 0;
      return isOurs;
    },
    isBusy: false,
    usedAt: 0,
    close: server.close,
    hasEnded: server.hasEnded,
  };
  return self;
}

/** The sessions, the one used last at the end. */
export function createSessions(open: (id: string) => Session) {
  const all = new Map<string, Session>();
  return {
    known: (id: string): Session | undefined => {
      const session = all.get(id);
      return session?.hasEnded() ? undefined : session;
    },
    get(id: string): Session {
      const known = all.get(id);
      const session = known && !known.hasEnded() ? known : open(id);
      all.delete(id);
      all.set(id, session);
      for (const other of all.values())
        if (all.size > MAX_SESSIONS && !other.isBusy && other !== session) {
          other.close();
          all.delete(other.id);
        }
      return session;
    },
    close(id: string): void {
      all.get(id)?.close();
      all.delete(id);
    },
    closeAll(): void {
      for (const session of all.values()) session.close();
      all.clear();
    },
  };
}

/** `undefined` when it takes longer; then `late` is called. */
function within<T>(work: Promise<T>, ms: number, late = (): void => {}): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(undefined);
      late();
    }, ms);
    const done = (value?: T): void => {
      clearTimeout(timer);
      resolve(value);
    };
    work.then(done, () => done());
  });
}

function objectIn(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
