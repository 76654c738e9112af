/**
 * CCT's plugin for OpenCode, which runs in its process: each session is a peer, with a session server of its own. The file that
 * install writes loads this one. Whatever goes wrong here, OpenCode goes on: no hook throws, but the one that holds a tool call.
 */
import { readFileSync } from "node:fs";
import { OPENCODE_CLIENT, SHELL_VARIABLE } from "../hosts/opencode-words.ts";
import { placeInPrompt, placeInResult, sessionIn } from "./places.ts";
import { type Api, createSessions, openSession, type Start } from "./sessions.ts";

/** What OpenCode gives a plugin. */
interface Host {
  client: Api;
  directory: string;
}
type Hook = (input: unknown, output: unknown) => Promise<void>;
interface Tool {
  description: string;
  args: Record<string, unknown>;
  execute(input: object, context: unknown): Promise<string>;
}
interface ToolData {
  name: string;
  description: string;
  inputSchema: { properties?: Record<string, unknown> };
}

/** Of a session that the model's shell was started in: a command there must not be taken for it. */
const FOREIGN = ["CLAUDE_PID"];

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

export function plugin({ client, directory }: Host, start: Start): Promise<Record<string, unknown>> {
  /** It ends with the turn, so mail that comes then must not begin another one. */
  const { argv, env: environment } = start.process;
  const isRun = argv.includes("run");
  const introduction = { name: isRun ? `${OPENCODE_CLIENT}-run` : OPENCODE_CLIENT, version: "1" };
  const sessions = createSessions((id) => openSession(id, directory, client, start, introduction));
  /** Of subagents: the session that each works for. */
  const parents = new Map<string, string | undefined>();

  /** The session of the user that this one belongs to. */
  async function rootOf(id: string): Promise<string> {
    if (!parents.has(id)) {
      const found = Object(await client.session.get({ path: { id } }).catch(() => ({})));
      parents.set(id, textOf(Object(found.data).parentID));
    }
    const parent = parents.get(id);
    return parent === undefined ? id : rootOf(parent);
  }
  /** The user's session that a hook is called for; `undefined` in a subagent's. */
  async function mainOf(input: unknown): Promise<string | undefined> {
    const id = textOf(Object(input).sessionID);
    return id !== undefined && (await rootOf(id)) === id ? id : undefined;
  }

  async function prompted(input: unknown, output: unknown): Promise<void> {
    const id = await mainOf(input);
    if (id === undefined) return;
    const put = placeInPrompt(id, output);
    const session = sessions.get(id);
    const { message, parts } = Object(output);
    const { agent, model, variant } = Object(message);
    session.turn = { agent, model, variant };
    session.isBusy = true;
    session.prompted(Array.isArray(parts) ? parts.map((part) => Object(part).text ?? "").join("\n") : "");
    if (put === undefined) return;
    const given = await session.hook("UserPromptSubmit", { cwd: directory });
    if (given) put(given.mail);
  }

  async function beforeTool(input: unknown): Promise<void> {
    const id = await mainOf(input);
    const session = id === undefined ? undefined : sessions.known(id);
    const given = await session?.hook("PreToolUse", { tool: Object(input).tool });
    if (given) throw new Held(`${given.mail}\n\n${given.reason ?? ""}`);
  }

  async function afterTool(input: unknown, output: unknown): Promise<void> {
    const id = await mainOf(input);
    const session = id === undefined ? undefined : sessions.known(id);
    const put = placeInResult(output);
    if (put === undefined) return;
    const given = await session?.hook("PostToolUse", { tool: Object(input).tool });
    if (given) put(given.mail);
  }

  async function asksModel(_input: unknown, output: unknown): Promise<void> {
    const id = await mainOf({ sessionID: sessionIn(output) });
    if (id !== undefined) await sessions.known(id)?.hook("PreModelRequest");
  }

  async function happened(input: unknown): Promise<void> {
    const { type, properties } = Object(Object(input).event);
    const { info, sessionID, permission, metadata } = Object(properties);
    if (type === "session.created" || type === "session.updated") {
      const { id, parentID } = Object(info);
      if (typeof id === "string") parents.set(id, textOf(parentID));
    } else if (type === "session.deleted") {
      const id = textOf(Object(info).id) ?? textOf(sessionID);
      if (id === undefined) return;
      parents.delete(id);
      await sessions.known(id)?.hook("SessionEnd");
      sessions.close(id);
    } else if (type === "session.idle") {
      const session = sessions.known(String(sessionID));
      if (!session?.isBusy) return;
      session.isBusy = false;
      await session.hook("Stop", { cwd: directory });
    } else if (type === "permission.asked" || type === "question.asked") {
      // A subagent's dialog blocks the user's session as well.
      const session = sessions.known(await rootOf(String(sessionID)));
      const tool = type === "question.asked" ? "question" : String(permission);
      await session?.hook("PermissionRequest", { tool, input: JSON.stringify(metadata ?? {}) });
    }
  }

  const tools: ToolData[] = JSON.parse(readFileSync(`${start.root}/dist/tools.json`, "utf8"));
  const inputOf = new Map(tools.map(({ name, inputSchema }) => [name, inputSchema]));

  async function execute(name: string, input: object, context: unknown): Promise<string> {
    const id = textOf(Object(context).sessionID);
    if (id === undefined) throw new Error("CCT cannot tell which session this is.");
    const answer = await sessions.get(await rootOf(id)).call(name, input);
    if (answer === undefined) throw new Error("CCT's session server has ended. Call the tool again.");
    if (answer.isError) throw new Error(answer.text);
    return answer.text;
  }

  const hooks: Record<string, Hook> = {
    "chat.message": prompted,
    "tool.execute.before": beforeTool,
    "tool.execute.after": afterTool,
    "experimental.chat.messages.transform": asksModel,
    async "experimental.chat.system.transform"(input, output) {
      const session = sessions.known(textOf(Object(input).sessionID) ?? "");
      const { system } = Object(output);
      const instructions = await session?.instructions;
      if (Array.isArray(system) && instructions) system.push(instructions);
    },
    // OpenCode takes each field of a plugin's tool for a required one.
    async "tool.definition"(input, output) {
      const schema = inputOf.get(String(Object(input).toolID));
      if (schema) Object(output).jsonSchema = schema;
    },
    async "shell.env"(input, output) {
      const id = textOf(Object(input).sessionID);
      const { env } = Object(output);
      if (id === undefined || Object(env) !== env) return;
      env[SHELL_VARIABLE] = await rootOf(id);
      for (const name of FOREIGN) if (environment[name]) env[name] = "";
    },
    event: happened,
  };
  return Promise.resolve({
    ...Object.fromEntries(Object.entries(hooks).map(([name, hook]) => [name, failingOpen(hook)])),
    tool: Object.fromEntries(
      tools.map(({ name, description, inputSchema }): [string, Tool] => [
        name,
        {
          description,
          args: inputSchema.properties ?? {},
          execute: (input, context) => execute(name, input, context),
        },
      ]),
    ),
    dispose: () => Promise.resolve(sessions.closeAll()),
  });
}

/** Keeps a tool call from running: its text is what the model gets instead of a result. */
class Held extends Error {}

const failingOpen =
  (hook: Hook): Hook =>
  async (input, output) => {
    try {
      await hook(input, output);
    } catch (error) {
      if (error instanceof Held) throw error;
    }
  };
