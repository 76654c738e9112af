/** The session server: one MCP server per host process, started by the host and ended with it. */
import { setTimeout as sleep } from "node:timers/promises";
import { claude } from "../hosts/claude.ts";
import { homeOf } from "../platform/config.ts";
import { CctError, errorLine } from "../platform/errors.ts";
import { paths } from "../platform/home.ts";
import { isOrphan } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import { serverInstructions } from "../rules/texts/instructions.ts";
import { HOOK_TOOL, runHook } from "./hooks.ts";
import { createMcp, wantsStructured } from "./mcp.ts";
import { type RpcServer, serveRpc } from "./rpc.ts";
import { type HostParts, openSession, type Session } from "./session.ts";
import { isFreeFor, waitInLine } from "./spool-owner.ts";
import { callTool, textResult, toolList } from "./tools.ts";
import { keepYoungGenerationSmall } from "./young-generation.ts";

/** How often to look whether the host still lives. */
const PARENT_CHECK_MS = 1_000;
/** How long calls in progress may take after standard input has ended: longer than any tool waits for a registration. */
const DRAIN_MS = 10_000;
/**
 * How long the host's first request waits for another session server to end: hosts that restart a server start the new one before the
 * old one is gone. After that the tools come once it has ended.
 */
const PREDECESSOR_MS = 5_000;
const PREDECESSOR_CHECK_MS = 50;
const PREDECESSOR_LATER_MS = 500;

/** `cct hook <event>`. Returns the exit status. Fails open: an error never stops the host. */
export async function runHookOnce(world: World): Promise<number> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk);
    return runHook(world, claude, Buffer.concat(chunks).toString());
  } catch {
    return 0;
  }
}

/** Serves until standard input closes, and its last requests are answered, or the host is gone. */
export async function runSession(world: World): Promise<void> {
  // Its input may stay open, so that nothing else would end it.
  if (isOrphan(world.ppid)) return;
  const parts = await hostIn(world.argv);
  const { host } = parts;
  let session = await openSoon(world, parts);
  const wasTaken = isTaken(session);
  let client: object | undefined;
  const inOrder = createQueue();
  const mcp = createMcp({
    info: { name: "cct", title: "Claude Code Talk", version: world.version },
    instructions:
      session instanceof CctError
        ? `CCT cannot work in this session: ${session.line}`
        : serverInstructions(host.hooksTell(world.env), session.poll),
    greeted(introduced) {
      keepYoungGenerationSmall();
      client = introduced;
      if (!(session instanceof CctError)) session.hostIs(client);
    },
    // With two installs the second one offers nothing, so that the model sees each tool once.
    toolList: () => (isTaken(session) ? "[]" : toolList(world.root)),
    listChanges: wasTaken,
    callTool(name, input, call) {
      // The host would show the user an error at every step.
      if (session instanceof CctError) return name === HOOK_TOOL ? textResult("{}") : textResult(session.line, true);
      const meta = Object(call.params._meta);
      if (name === HOOK_TOOL) {
        const { answer, shown } = session.hook(input, meta);
        call.afterAnswer(shown);
        return textResult(JSON.stringify(answer));
      }
      const ours = session;
      ours.called(meta);
      const readAt = world.steady();
      return inOrder(async () => {
        // Cancelled while it waited for its turn: nobody gets this answer.
        if (call.isCancelled()) return textResult("");
        return callTool(ours, name, input, world.steady() - readAt, call.afterAnswer, wantsStructured(call.params));
      });
    },
  });
  const server = serveRpc(process.stdin, process.stdout, mcp, report);
  let hasEnded = false;
  if (wasTaken) void follow();
  await ended(world, server, () => !(session instanceof CctError) && session.isLeftAlone());
  hasEnded = true;
  if (!(session instanceof CctError)) await session.close();
  process.exit(0);

  /** Becomes the session's server once the one before has ended. */
  async function follow(): Promise<void> {
    session = told(await whenFree(world, parts, session, PREDECESSOR_LATER_MS, () => !hasEnded));
    if (!client) return;
    if (!(session instanceof CctError)) session.hostIs(client);
    server.notify("notifications/tools/list_changed");
  }
}

/**
 * The session, or the reason why it could not start. The server starts anyway, so that its tools can report the reason.
 */
async function openSoon(world: World, parts: HostParts): Promise<Session | CctError> {
  const session = open(world, parts);
  if (!isTaken(session)) return told(session);
  try {
    waitInLine(spoolOf(world), world);
  } catch {
    // The disk is full.
  }
  const deadline = world.steady() + PREDECESSOR_MS;
  return told(await whenFree(world, parts, session, PREDECESSOR_CHECK_MS, () => world.steady() < deadline));
}

/** Tries again when nobody serves the session any more, unless a later server of the same host waits, too. */
async function whenFree(
  world: World,
  parts: HostParts,
  session: Session | CctError,
  checkMs: number,
  isWanted: () => boolean,
): Promise<Session | CctError> {
  let found = session;
  while (isTaken(found) && isWanted()) {
    await sleep(checkMs);
    if (isWanted() && isFreeFor(world.pid, spoolOf(world))) found = open(world, parts);
  }
  return found;
}

const spoolOf = (world: World): string => paths(homeOf(world)).spool(world.ppid);

/** Also for the host's log. */
function told(session: Session | CctError): Session | CctError {
  if (session instanceof CctError) report(session.line);
  return session;
}

/** Another session server serves this host process. */
const isTaken = (session: Session | CctError): boolean => session instanceof CctError && session.code === "conflict";

/** `cct mcp --host NAME`. Nothing is guessed: installs of before this option name no host. */
async function hostIn([, , name = claude.name]: World["argv"]): Promise<HostParts> {
  if (name === claude.name) return { host: claude };
  const { hostNamed, ...more } = await import("./others.ts");
  return { host: hostNamed(name), ...more };
}

function open(world: World, parts: HostParts): Session | CctError {
  try {
    return openSession(parts.host.serverPerConversation ? { ...world, ppid: world.pid } : world, parts, world.ppid);
  } catch (error) {
    return error instanceof CctError ? error : new CctError("internal", errorLine(error));
  }
}

/** For the host's log. */
function report(problem: string): void {
  process.stderr.write(`cct: ${problem}\n`);
}

/** Calls that are written at once take effect in the order in which they were written. */
function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
}

/**
 * Resolves when the host has closed our input and all that it asked before is answered, or at once when nobody reads the
 * answers: the host sends a signal, is gone, or is left alone. A stream that is gone always ends the process.
 */
function ended(world: World, server: RpcServer, isLeftAlone: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => resolve();
    const drain = (): void => {
      void server.answered().then(done);
      setTimeout(done, DRAIN_MS);
    };
    process.stdin.once("end", drain);
    process.stdin.once("close", drain);
    process.stdin.on("error", done);
    process.stdout.on("error", done);
    process.stdout.once("close", done);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, done);
    setInterval(() => {
      if (process.ppid !== world.ppid || isLeftAlone()) done();
    }, PARENT_CHECK_MS).unref();
  });
}
