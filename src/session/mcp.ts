/** The Model Context Protocol, as far as a server that only has tools needs it: handshake, versions, `tools/list` and `tools/call`. */

import { STRUCTURED } from "../rules/toolinput.ts";
import { type Call, type Handler, INVALID_PARAMS, METHOD_NOT_FOUND, type Params, RawJson, RpcError } from "./rpc.ts";
import type { ToolResult } from "./tools.ts";

/** The newest first: it is offered to a client that asks for one we do not know. */
const VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"] as const;
/** The only version that has batches; the next one took them out again. */
const WITH_BATCHES = "2025-03-26";

export interface McpServer {
  info: { name: string; title: string; version: string };
  instructions: string | undefined;
  /** Called with how the client introduces itself. */
  greeted?(client: object): void;
  /** A JSON array. */
  toolList(): string;
  /** The list may change, and the client is told when it does. */
  listChanges?: boolean;
  callTool(name: string, input: Record<string, unknown>, call: Call): ToolResult | Promise<ToolResult>;
}

export function createMcp({ info, instructions, greeted, toolList, listChanges, callTool }: McpServer): Handler {
  /** As agreed in the handshake. */
  let version: string | undefined;

  function initialize({ protocolVersion, clientInfo }: Params): object {
    if (typeof protocolVersion !== "string") throw new RpcError(INVALID_PARAMS, "protocolVersion must be text.");
    version = VERSIONS.find((known) => known === protocolVersion) ?? VERSIONS[0];
    greeted?.(Object(clientInfo));
    return {
      protocolVersion: version,
      capabilities: { tools: listChanges ? { listChanged: true } : {} },
      serverInfo: info,
      instructions,
    };
  }

  return {
    takesBatches: () => version === WITH_BATCHES,
    call(call) {
      const { method, params } = call;
      switch (method) {
        case "initialize":
          return initialize(params);
        case "ping":
          return {};
        case "tools/list":
          // One page has all tools, so no cursor is ours.
          if (isGiven(params.cursor)) throw new RpcError(INVALID_PARAMS, "There is no page with this cursor.");
          return new RawJson(`{"tools":${toolList()}}`);
        case "tools/call":
          return callTool(nameIn(params), inputIn(params), call);
        default:
          throw new RpcError(METHOD_NOT_FOUND, "Method not found");
      }
    },
  };
}

/** Some clients write `null` for what they leave out. */
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

function nameIn({ name }: Params): string {
  if (typeof name === "string") return name;
  throw new RpcError(INVALID_PARAMS, "name must be the name of a tool.");
}

function inputIn({ arguments: input }: Params): Record<string, unknown> {
  if (!isGiven(input)) return {};
  const meant = typeof input === "string" ? objectIn(input) : input;
  if (typeof meant === "object" && meant !== null && !Array.isArray(meant)) return { ...meant };
  throw new RpcError(INVALID_PARAMS, "arguments must be an object.");
}

/** Some clients write the object as JSON text. */
function objectIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim() === "" ? {} : undefined;
  }
}

/**
 * Whether a program wants the structured answer of a tool beside its text. Hosts do not ask for it, because they would show it to
 * their model in place of the text.
 */
export function wantsStructured({ _meta }: Params): boolean {
  return Object(_meta)[STRUCTURED] === true;
}
