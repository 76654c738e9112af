/** The session server: one MCP server per host process, started by the host and ended with it. */
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { CctError, errorLine } from "../platform/errors.ts";
import type { World } from "../platform/world.ts";
import { HOOK_TOOL, runHook } from "./hooks.ts";
import { instructions, pollInstructions } from "./instructions.ts";
import { openSession, type Session } from "./session.ts";
import { callTool, listTools } from "./tools.ts";
import { answerTransport } from "./transport.ts";

/** How often to look whether the host still lives. */
const PARENT_CHECK_MS = 1_000;

/** `cct hook <event>`. Returns the exit status. Fails open: an error never stops the host. */
export async function runHookOnce(world: World): Promise<number> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk);
    return runHook(world, Buffer.concat(chunks).toString());
  } catch {
    return 0;
  }
}

/** Serves until standard input closes or the host is gone. */
export async function runSession(world: World): Promise<void> {
  const session = open(world);
  const transport = answerTransport(new StdioServerTransport());
  const server = new Server(
    { name: "cct", title: "Claude Code Talk", version: world.version },
    {
      capabilities: { tools: {} },
      instructions:
        session instanceof CctError
          ? `CCT cannot work in this session: ${session.line}`
          : instructions + (session.poll ? pollInstructions : ""),
    },
  );
  // With two installs the second one offers nothing, so that the model sees each tool once.
  const isSecond = session instanceof CctError && session.code === "conflict";
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: isSecond ? [] : listTools() }));
  server.setRequestHandler(CallToolRequestSchema, async (request, { requestId }) => {
    const { name, arguments: input = {} } = request.params;
    if (session instanceof CctError) {
      // The host would show the user an error at every step.
      if (name === HOOK_TOOL) return { content: [{ type: "text", text: "{}" }] };
      return { isError: true, content: [{ type: "text", text: session.line }] };
    }
    if (name === HOOK_TOOL) {
      const { answer, shown } = session.hook(input);
      transport.afterAnswer(requestId, shown);
      return { content: [{ type: "text", text: JSON.stringify(answer) }] };
    }
    return callTool(session, name, input, (action) => transport.afterAnswer(requestId, action));
  });
  await server.connect(transport);
  await ended(world);
  if (!(session instanceof CctError)) await session.close();
  process.exit(0);
}

/** The session, or the reason why it could not start. The server starts anyway, so that its tools can report the reason. */
function open(world: World): Session | CctError {
  try {
    return openSession(world);
  } catch (error) {
    const problem = error instanceof CctError ? error : new CctError("internal", errorLine(error));
    process.stderr.write(`cct: ${problem.line}\n`);
    return problem;
  }
}

/** Resolves when the host closes our input, sends a signal, or is gone. */
function ended(world: World): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => resolve();
    process.stdin.on("end", done);
    process.stdin.on("close", done);
    process.stdout.on("error", done);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, done);
    setInterval(() => {
      if (process.ppid !== world.ppid) done();
    }, PARENT_CHECK_MS).unref();
  });
}
