/**
 * What CCT knows of a coding agent that it works in (a host): plain data and a few small functions. Everything else, from the
 * spool to the broker, is the same for every host. `docs/hosts/adding.md` says how to add one.
 */
import { join } from "node:path";
import type { World } from "../platform/world.ts";

/**
 * What a hook is for. A role bears the name of Claude Code's event that plays it: these names stand in spools and at brokers.
 *
 *     SessionStart       the conversation begins, or is another one now: say the instructions
 *     UserPromptSubmit   a turn begins            Stop, StopFailure   a turn ends
 *     PreToolUse         before a tool runs       PostToolBatch       all tools of a request have run
 *     PostToolUse        after a tool has run: only for mail, because others of the same request may still run
 *     PreModelRequest    the model is asked: for hosts without PostToolBatch, the proof that it saw what came before
 *     PermissionRequest  the user is asked        SessionEnd          nobody continues it in this process
 *     FileChanged        mail has come            Waiter              runs until mail comes
 *     Rest               the host waits for its user, also after a turn that was interrupted
 */
export type Role =
  | "SessionStart"
  | "UserPromptSubmit"
  | "PreToolUse"
  | "PostToolUse"
  | "PostToolBatch"
  | "PreModelRequest"
  | "PermissionRequest"
  | "Stop"
  | "StopFailure"
  | "SessionEnd"
  | "FileChanged"
  | "Waiter"
  | "Rest";

/** In a shape: the mail. */
export const MAIL = "%s";
/** In a shape: the path of the mail file, for a host that watches it. */
export const MAIL_FILE = "%s/mail";
/** In a shape: the words that say which tool call was not run. */
export const REASON = "@reason";

/** In the spool: when the host last said that it rests. */
export const REST_FILE = "rest";

/** A hook's answer, an object with `MAIL` in it. `MAIL` alone: the mail as it is, on standard error, with status 2. */
export type Shape = string | readonly Shape[] | { readonly [key: string]: Shape };

export interface HostEvent {
  role: Role;
  /** Only events of this kind, in the host's words. */
  matcher?: string;
  /** The answer that puts mail before the model. Without one the event carries no mail: what a host drops must not be taken. */
  mail?: Shape;
  /**
   * The answer that goes on with the turn, where the text of an answer would be the user's. It has no mail in it: a prompt comes of it,
   * whose hook brings that.
   */
  ring?: Shape;
  /** At the end of a turn: what stands in the event's JSON when the model has said nothing. Then it may have seen no mail either. */
  unanswered?: string;
  /** The answer that also keeps a tool call from running. With the mail as its reason, what became of the call stands in the frame. */
  hold?: Shape;
  /** The answer where the event is told to block: for versions that ignore context. */
  block?: Shape;
  /** The answer that lets our own tools run without asking the user. */
  allow?: Shape;
}

/** A variable of the environment, and the value that it has. A `*` at the end stands for anything. */
export type EnvTest = readonly [variable: string, value: string];

export type Env = World["env"];

/** The process that is a session: of that host, with that environment. */
export type Place = Pick<World, "env" | "cwd" | "ppid">;

/** What a host has noted about a session of its own. */
export interface HostNote {
  /** What the host calls it. */
  name?: string;
  /** The user has given that name. */
  isUsers?: boolean;
  state?: "active" | "idle" | "blocked";
  /** Since when, in milliseconds since 1970. */
  stateAt?: number;
}

/** How a host introduced itself in the handshake. */
export interface ClientInfo {
  name?: unknown;
  version?: unknown;
}

/**
 * What became of mail with which a host was to be woken. `queued`: its model is shown it next. `refused`: its user or its settings
 * keep it away. `lost`: perhaps nobody has seen it.
 */
export type Woken = "queued" | "refused" | "lost";

export interface Host {
  /** As peers see it, and as `cct mcp --host` takes it. */
  name: string;
  /** For people. */
  title: string;

  // Who a session is. The session server's parent is the host's process, and its id names the spool.
  /** In the environment of hooks and of the model's shell: the host's process id. Without one, a hook's parent is the host. */
  pidVariable?: string;
  /** In the environment of the model's shell: the conversation, where no process stands for it. */
  shellVariable?: string;
  /** In the environment of the session server: the conversation at its start. Later ones are told by hooks. */
  sessionVariable?: string;
  /**
   * One process of the host has many conversations, and each has a session server of its own. Then the session server is the process
   * that stands for the session: it names the spool, and a person's second conversation is another session.
   */
  serverPerConversation?: true;
  /** The host restarts the session server when it goes to another conversation, and names that in `sessionVariable`. */
  serverNamesConversation?: true;
  /** In the environment of hooks: the conversation. Prompts tell it again, where it changes without a `SessionStart`. */
  hookVariable?: string;
  /** Hooks tell the conversation right after the start. The session waits for them, so that a resumed one is no new peer. */
  beginsWithHooks?: true;
  /** It ignores that its terminal was closed, and nobody sees it any more. */
  outlivesTerminal?: true;
  /** The conversation that a call of a tool belongs to, from its `_meta`. The session begins with the first call. */
  conversationOf?(meta: Readonly<Record<string, unknown>>): string | undefined;
  /** Nobody attends the session, as the session server can know it, and as hooks can. One of the tests is enough. */
  unattended: {
    server: readonly EnvTest[];
    hooks: readonly EnvTest[];
    /** Where no variable says it: what the host's process looks like. The session server looks, and marks the spool for hooks. */
    process?(pid: number): boolean;
  };
  /** Nothing continues the session after its process has ended. */
  endsForGood: readonly EnvTest[];
  /** What the host notes about its sessions. Undocumented, so it only adds to what hooks report. */
  note?(place: Place): HostNote;

  // What its hooks speak.
  /** Its hooks of prompts, tools and ends of turns run for subagents, too, with `agent_id`. */
  subagentHooks?: true;
  /** By the host's names of the events. Empty: it has no hooks. */
  events: Readonly<Record<string, HostEvent>>;
  /**
   * Patterns of tool names that stand in JSON: our own, one that finds tools, one that runs commands for long; and one that runs a
   * subagent whose hooks look like the session's own. While it runs, no mail is taken.
   */
  tools: { own: string; search: string; shell: string; agent?: string };
  /** Longer text in an answer is not put before the model, in bytes of UTF-8. */
  maxText?: number;
  /** Hooks give the instructions, so the session server does not. */
  hooksTell(env: Env): boolean;

  // How an idle session is woken.
  /** Whether mail can wake a session of the host that introduced itself so, where somebody attends it. */
  wakes(client: ClientInfo, place: Place): boolean;
  /** Wakes the session with mail, where no hook does it. `take` takes the mail, as soon as somebody listens to it. */
  wake?(world: Pick<World, "env" | "newId">, conversation: string, take: () => string | undefined): Promise<Woken>;
  /** Rings at an idle session: a turn begins, and the hook of its prompt brings the mail. Resolves whether the host will do so. */
  ring?(world: Place & Pick<World, "newId">, conversation: string): Promise<boolean>;

  // What people are told.
  words: {
    /** Starts a dead session server again; `undefined`: only a new session does. */
    reconnect?: string;
    /** What becomes of a session whose server has died. */
    died: string;
  };
  /** A folder that uninstall leaves empty while sessions run. */
  leftFolder?(env: Env): string | undefined;
}

export const holds = (env: Env, tests: readonly EnvTest[]): boolean =>
  tests.some(([variable, wanted]) => {
    const value = env[variable] ?? "";
    return wanted.endsWith("*") ? value.startsWith(wanted.slice(0, -1)) : value === wanted;
  });

/** The event that plays a role. */
export const eventOf = ({ events }: Host, role: Role): (HostEvent & { name: string }) | undefined => {
  const [name, event] = Object.entries(events).find(([, one]) => one.role === role) ?? [];
  return name !== undefined && event ? { ...event, name } : undefined;
};

/** Whether mail reaches the model while it works. */
export const takesMailMidturn = (host: Host): boolean =>
  (["PreToolUse", "PostToolUse", "PostToolBatch"] as const).some((role) => eventOf(host, role)?.mail !== undefined);

/** A hook's answer with the mail in it. */
export function filled(shape: Shape, mail: string, { reason = "", folder = "" } = {}): Shape {
  if (shape === MAIL) return mail;
  if (shape === MAIL_FILE) return join(folder, "mail");
  if (typeof shape === "string") return shape.replace(REASON, () => reason);
  const fill = (one: Shape): Shape => filled(one, mail, { reason, folder });
  if (isList(shape)) return shape.map(fill);
  return Object.fromEntries(Object.entries(shape).map(([key, one]) => [key, fill(one)]));
}

const isList = (shape: Shape): shape is readonly Shape[] => Array.isArray(shape);
