/** The session server: one per host process, started by it, ended with it. */
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { localClient } from "../client/local.ts";
import { loadConfig } from "../config.ts";
import { CctError, errorLine } from "../errors.ts";
import { prepareHome } from "../home.ts";
import type { World } from "../world.ts";
import { followHost, removeEmptyPlugin } from "./host.ts";
import { forgetOld } from "./identity.ts";
import { instructions } from "./instructions.ts";
import { createLink, type Link } from "./link.ts";
import { createMail } from "./mail.ts";
import { keepServices } from "./services.ts";
import { openSpool, sweepDead } from "./spool.ts";
import { callTool, listTools, type ToolSession } from "./tools.ts";

const TICK_MS = 1_000;

/** Serves until standard input closes or the host is gone. */
export async function runSession(world: World): Promise<void> {
  const transport = new StdioServerTransport();
  const answered: (() => void)[] = [];
  let session: (ToolSession & { close(): Promise<void> }) | CctError;
  try {
    session = openSession(world, (done) => answered.push(done));
  } catch (error) {
    session = error instanceof CctError ? error : new CctError("internal", errorLine(error));
    process.stderr.write(`cct: ${session.line}\n`);
  }

  const server = new Server(
    { name: "cct", title: "Claude Code Talk", version: world.version },
    {
      capabilities: { tools: {} },
      instructions: session instanceof CctError ? `CCT cannot work in this session: ${session.line}` : instructions,
    },
  );
  const opened = session;
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: isSteppingBack(opened) ? [] : listTools() }));
  server.setRequestHandler(CallToolRequestSchema, async (request) => {
    if (opened instanceof CctError) return { isError: true, content: [{ type: "text", text: opened.line }] };
    return callTool(opened, request.params.name, request.params.arguments ?? {});
  });
  await server.connect(transport);
  const send = transport.send.bind(transport);
  transport.send = async (message) => {
    const waiting = answered.splice(0);
    await send(message);
    for (const done of waiting) done();
  };

  await ended(world);
  if (!(opened instanceof CctError)) await opened.close();
  process.exit(0);
}

/** Two installs: the second offers nothing, so that the model sees each tool once. */
function isSteppingBack(session: ToolSession | CctError): boolean {
  return session instanceof CctError && session.code === "conflict";
}

function openSession(world: World, afterAnswer: (done: () => void) => void): ToolSession & { close(): Promise<void> } {
  const config = loadConfig(world);
  prepareHome(config.home, world.user, false);
  const spool = openSpool(config.home, world.ppid, world);
  try {
    sweepDead(config.home);
    forgetOld(config.home, world.now());
  } catch {
    // Another session that starts now clears the same away; what stays is cleared by the next.
  }
  const client = localClient(config);
  let link: Link;
  const mail = createMail(
    spool,
    {
      claim: (budget) => client.call("claim_messages", { limit: 100, budget }, link.peer()),
      check: (limit) => client.call("check_messages", limit === undefined ? {} : { limit }, link.peer()),
      acknowledge: async (acks, shown) => void (await client.call("ack_messages", { acks, ...shown }, link.peer())),
    },
    world.now,
    config.delivery,
  );
  // A broker that is away is no news here: the stream comes back, and with it a hint.
  const runMail = (): void => void mail.run().catch(() => {});
  link = createLink(world, config, client, spool, {
    held: mail.held,
    mail() {
      mail.hint();
      runMail();
    },
    async registered(same) {
      if (same) await mail.recover();
      else mail.forget();
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
    if (mail.held().length > 0) runMail();
    mail.tick(world.now());
  }, TICK_MS);
  return {
    client,
    link,
    mail,
    now: world.now,
    newMessageId: world.newMessageId,
    afterAnswer,
    async close() {
      clearInterval(tick);
      services.close();
      await link.close();
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
