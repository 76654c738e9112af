/** The MCP face: tools made from the surface. The host shows a model only `structuredContent`, so that must stand for itself. */
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js";
import { type Client, isAway, isUnheard } from "../client/client.ts";
import { checkOutgoing } from "../client/secrets.ts";
import type { Credentials } from "../operations/core/identity.ts";
import surfaceJson from "../operations/surface/surface.json" with { type: "json" };
import type { SurfaceEntry } from "../operations/surface/surface.ts";
import { CctError, errorLine } from "../platform/errors.ts";
import { defuse, NOT_YOUR_USER } from "../rules/framing.ts";
import type { Link } from "./link.ts";
import type { Mail } from "./mail.ts";
import type { Outbox } from "./outbox.ts";

const surface = surfaceJson as SurfaceEntry[];
const offered = surface.filter((entry) => entry.tool);
const PREFIX = "cct_";

/** How long a tool waits for a session that is still registering. */
const PATIENCE_MS = 8_000;
/** A send whose answer was lost is tried again, under the same message_id, while this lasts. */
const RETRY_MS = 4_000;
/** The same where it can be kept: nothing is lost by giving up, and a broker that restarts is back in this time. */
const RETRY_BEFORE_KEEPING_MS = 1_000;

export function listTools(): Tool[] {
  return offered.map(({ name, doc, tool, input, output }) => ({
    name: PREFIX + name,
    description: doc,
    inputSchema: input,
    outputSchema: output,
    annotations: {
      title: tool?.title ?? name,
      readOnlyHint: tool?.readOnly ?? false,
      idempotentHint: tool?.idempotent ?? false,
      destructiveHint: false,
      openWorldHint: false,
    },
    ...(tool?.alwaysLoad ? { _meta: { "anthropic/alwaysLoad": true } } : {}),
  }));
}

export interface ToolSession {
  client: Client;
  link: Link;
  mail: Mail;
  outbox: Outbox;
  newMessageId(): string;
  now(): number;
}

/** Runs a tool; `answered` takes what is to be done when the host has the answer. Whatever goes wrong is a tool error with what to do next, never a broken protocol. */
export async function callTool(
  session: ToolSession,
  name: string,
  input: Record<string, unknown>,
  answered: (done: () => void) => void,
): Promise<CallToolResult> {
  try {
    const entry = offered.find((one) => PREFIX + one.name === name);
    if (!entry) {
      throw new CctError(
        "not_found",
        `There is no tool '${name}'.`,
        `Tools: ${offered.map((one) => PREFIX + one.name).join(", ")}.`,
      );
    }
    session.mail.toolCalled();
    return answer(await run(session, entry.name, await checkOutgoing(input), answered));
  } catch (error) {
    return { isError: true, content: [{ type: "text", text: defuse(errorLine(error)) }] };
  }
}

async function run(
  session: ToolSession,
  name: string,
  input: Record<string, unknown>,
  answered: (done: () => void) => void,
): Promise<Record<string, unknown>> {
  const { client, link, mail } = session;
  // It says itself what it means for a message when there is no broker.
  if (name === "send_message")
    return send(session, { ...input, message_id: input.message_id ?? session.newMessageId() });
  const peer = await link.credentials(PATIENCE_MS);
  switch (name) {
    case "check_messages": {
      const { limit, ...unknown } = input;
      if (Object.keys(unknown).length > 0 || (limit !== undefined && !isLimit(limit))) {
        // The broker's own words for what is wrong; nothing is claimed.
        return client.callAny(name, input, peer);
      }
      const checked = await mail.check(limit);
      answered(checked.shown);
      return checked.mail.messages.length > 0 ? { notice: NOT_YOUR_USER, ...checked.mail } : checked.mail;
    }
    case "pool_status": {
      const status = await client.callAny(name, input, peer);
      return { notice: NOT_YOUR_USER, ...status };
    }
    case "set_summary": {
      const changed = await client.callAny(name, input, peer);
      link.renamed(String(changed.name));
      return changed;
    }
    case "set_busy": {
      const busy = await client.callAny(name, input, peer);
      // At once, not only when the hint comes: the next hook is to find nothing that the model did not want to hear.
      mail.hint();
      await mail.run();
      return busy;
    }
    default:
      return client.callAny(name, input, peer);
  }
}

function isLimit(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 100;
}

/** A send is safe to repeat: the broker knows the message_id. So a broker that restarts meanwhile costs only time. */
async function send(session: ToolSession, input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { outbox, link } = session;
  const keeps = outbox.keeps();
  // What was kept before goes first.
  const stuck = await outbox.flush().catch(() => undefined);
  if (stuck && keeps) return outbox.keep(input, false);
  const deadline = session.now() + (keeps ? RETRY_BEFORE_KEEPING_MS : RETRY_MS);
  /** Some try may have reached the broker, and only its answer got lost. */
  let perhapsSent = false;
  const giveUp = (error: unknown) =>
    keeps && isAway(error) ? outbox.keep(input, perhapsSent) : unsent(error, perhapsSent, input);
  for (;;) {
    let peer: Credentials;
    try {
      peer = await link.credentials(keeps ? RETRY_BEFORE_KEEPING_MS : PATIENCE_MS);
    } catch (error) {
      return giveUp(error);
    }
    try {
      return await session.client.callAny("send_message", input, peer);
    } catch (error) {
      if (!isAway(error)) throw error;
      perhapsSent ||= !isUnheard(error);
      if (session.now() > deadline) return giveUp(error);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** What a sender is told when no broker confirmed the message. */
function unsent(error: unknown, perhaps: boolean, { message_id }: Record<string, unknown>): never {
  if (!isAway(error)) throw error;
  throw new CctError(
    "unavailable",
    perhaps
      ? `The message was not confirmed, perhaps it was sent: ${error.message}`
      : `The message was not sent, and nothing keeps it: ${error.message}`,
    `Send it again later with message_id '${String(message_id)}': it cannot arrive twice.`,
  );
}

function answer(output: Record<string, unknown>): CallToolResult {
  const safe = defused(output);
  return { content: [{ type: "text", text: JSON.stringify(safe) }], structuredContent: safe };
}

/** Names, summaries and texts come from peers: nothing invisible, no host tags, wherever they stand. */
function defused<T>(value: T): T;
function defused(value: unknown): unknown {
  if (typeof value === "string") return defuse(value);
  if (Array.isArray(value)) return value.map((one: unknown) => defused(one));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, defused(one)]));
}
