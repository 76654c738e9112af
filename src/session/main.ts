/** The session server: one per host process, started by it, ended with it. */
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema, type RequestId } from "@modelcontextprotocol/sdk/types.js";
import { localClient } from "../client/local.ts";
import { loadConfig } from "../platform/config.ts";
import { CctError, errorLine } from "../platform/errors.ts";
import { prepareHome } from "../platform/home.ts";
import type { World } from "../platform/world.ts";
import { removeFlags, renderFlags, writeFlags } from "./flags.ts";
import { createHooks, HOOK_TOOL, type HookAnswer, type HookInput, runHook } from "./hooks.ts";
import { followHost, removeEmptyPlugin } from "./host.ts";
import { instructions, pollInstructions } from "./instructions.ts";
import { createLink, type Link, type Standing } from "./link.ts";
import { createMail, type Mailbox } from "./mail.ts";
import { createOutbox } from "./outbox.ts";
import { keepServices } from "./services.ts";
import { openSpool } from "./spool.ts";
import { sweepDead } from "./spool-owner.ts";
import { callTool, listTools, type ToolSession } from "./tools.ts";

const TICK_MS = 1_000;

/** `cct hook <event>`. Whatever goes wrong, the host goes on. */
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
  const transport = new StdioServerTransport();
  /** What is to be done when the answer to a request has gone out, by the request's id. */
  const answered = new Map<RequestId, () => void>();
  let session: Session | CctError;
  try {
    session = openSession(world);
  } catch (error) {
    session = error instanceof CctError ? error : new CctError("internal", errorLine(error));
    process.stderr.write(`cct: ${session.line}\n`);
  }

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
  const opened = session;
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: isSteppingBack(opened) ? [] : listTools() }));
  server.setRequestHandler(CallToolRequestSchema, async (request, { requestId }) => {
    const { name, arguments: input = {} } = request.params;
    if (opened instanceof CctError) {
      // A hook that fails would be told to the user at every step.
      if (name === HOOK_TOOL) return { content: [{ type: "text", text: "{}" }] };
      return { isError: true, content: [{ type: "text", text: opened.line }] };
    }
    if (name === HOOK_TOOL) {
      const { answer, shown } = opened.hook(input);
      answered.set(requestId, shown);
      return { content: [{ type: "text", text: JSON.stringify(answer) }] };
    }
    return callTool(opened, name, input, (done) => answered.set(requestId, done));
  });
  await server.connect(transport);
  const send = transport.send.bind(transport);
  transport.send = async (message) => {
    await send(message);
    if (!("id" in message) || message.id === undefined) return;
    answered.get(message.id)?.();
    answered.delete(message.id);
  };

  await ended(world);
  if (!(opened instanceof CctError)) await opened.close();
  process.exit(0);
}

/** Two installs: the second offers nothing, so that the model sees each tool once. */
function isSteppingBack(session: ToolSession | CctError): boolean {
  return session instanceof CctError && session.code === "conflict";
}

interface Session extends ToolSession {
  /** Does what a hook does, where the host's hooks are calls of our tool. */
  hook(input: HookInput): HookAnswer;
  /** The model is to look for mail by itself. */
  poll: boolean;
  close(): Promise<void>;
}

function openSession(world: World): Session {
  const config = loadConfig(world);
  prepareHome(config.home, world.user, false);
  const spool = openSpool(config.home, world.ppid, world);
  try {
    sweepDead(config.home, world.now());
  } catch {
    // Another session that starts now clears the same away; what stays is cleared by the next.
  }
  const client = localClient(config, world.random);
  let link: Link;
  const outbox = createOutbox(world, config, client, () => link.peer());
  const mailbox: Mailbox = {
    claim: (budget) => client.call("claim_messages", { limit: 100, budget }, link.peer()),
    check: (limit) => client.call("check_messages", limit === undefined ? {} : { limit }, link.peer()),
    async acknowledge({ claims, outcome, shown }, as = link.peer()) {
      const acks = claims.map((claim) => ({ ...claim, outcome }));
      await client.call("ack_messages", { acks, ...shown }, as);
    },
  };
  const mail = createMail(spool, mailbox, outbox, world.now, config.delivery);
  // A broker that is away is no news here: the stream comes back, and with it a hint.
  const runMail = (): void =>
    void mail
      .run()
      .finally(() => show(false))
      .catch(() => {});
  let standing: Standing | undefined;
  /** Sends what lies in the outbox; what is in the way now is tried again with the next tick. */
  const flush = (): void => {
    if (standing?.broker === "up") void outbox.flush().catch(() => {});
  };
  let shown = "";
  let lastUnread = 0;
  /** Tells the status line. `beat`: also when only time has passed. */
  const show = (beat: boolean): void => {
    if (!standing) return;
    const state = spool.state();
    const { said } = standing;
    const busy = said?.presence === "busy";
    // What a busy peer does not want to hear of stays at the broker; else we know sooner how much there is.
    const unread = busy ? said.unread : mail.unread();
    if (unread !== lastUnread && !beat) link.refresh();
    lastUnread = unread;
    const [pool] = said?.pools ?? [];
    const flags = {
      server: world.pid,
      peer_id: standing.peer?.peer_id,
      name: standing.peer?.name ?? "",
      pool: pool && { name: pool.name, unread: Math.min(pool.unread, unread) },
      unread,
      held: said?.held ?? 0,
      presence: busy ? "busy" : (state ?? "idle"),
      busy_until: said?.busy_until,
      hook: state === undefined || spool.areHooksQuiet(world.now()) ? ("quiet" as const) : ("live" as const),
      broker: standing.broker,
    };
    const timeless = renderFlags(flags, 0);
    if (!beat && timeless === shown) return;
    shown = timeless;
    writeFlags(config.home, world.ppid, renderFlags(flags, world.now()), world.newId());
  };
  link = createLink(world, config, client, spool, {
    claims: mail.claims,
    told(now) {
      standing = now;
      show(true);
      flush();
    },
    mail() {
      mail.hint();
      runMail();
    },
    leaving: mail.leave,
    async registered(how) {
      if (how === "again") await mail.recover();
      else if (how === "anew") await mail.resume();
      else await mail.clear();
    },
  });
  spool.watch(() => {
    link.stateChanged();
    runMail();
  });
  const services = keepServices(client, () => link.peer(), world.hostname);
  const tick = setInterval(() => {
    followHost(world, spool);
    // Commands become long, and hooks quiet, without that a file changes.
    link.stateChanged();
    // Also the net under the folder's events, which some file systems do not give.
    if (mail.claims().length > 0 || outbox.reports().length > 0) runMail();
    flush();
    mail.tick();
  }, TICK_MS);
  return {
    client,
    link,
    mail,
    outbox,
    poll: config.poll,
    hook: createHooks(spool),
    now: world.now,
    newMessageId: world.newMessageId,
    async close() {
      clearInterval(tick);
      services.close();
      await link.close();
      standing = undefined;
      removeFlags(config.home, world.ppid);
      spool.close();
      removeEmptyPlugin(world);
    },
  };
}

/** Resolves when the host closes our input, tells us to end, or is gone. */
function ended(world: World): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => resolve();
    process.stdin.on("end", done);
    process.stdin.on("close", done);
    process.stdout.on("error", done);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, done);
    setInterval(() => {
      if (process.ppid !== world.ppid) done();
    }, TICK_MS).unref();
  });
}
