/** The HTTP API as an OpenAPI 3.1 document: `docs/openapi.json`, served at `GET /openapi.json`. */
import { type ErrorCode, errorTexts, httpStatus } from "../../platform/errors.ts";
import type { Caller } from "../core/operation.ts";
import { errorsOf } from "./errors.ts";
import { brokerErrors, brokerPaths } from "./openapi-broker.ts";
import { type Json, namedSchemas, openOutput, referencesTo } from "./openapi-schemas.ts";
import { type SurfaceEntry, surface } from "./surface.ts";

/** `version`: the program's. */
export function openapi(version: string): Json {
  const entries = surface();
  const schemas = namedSchemas();
  const withReferences = referencesTo(schemas);
  const errors = [...entries.map(errorsOf), ...brokerErrors].flatMap(byStatus);
  return {
    openapi: "3.1.1",
    info: {
      title: "Claude Code Talk",
      version,
      summary: "Messages between coding-agent sessions.",
      description:
        "The HTTP API of a CCT broker. An operation is a POST with a JSON object. Times are integer milliseconds since 1970 (UTC).",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "http://127.0.0.1:7888", description: "The broker of this machine." }],
    tags: [
      { name: "operations", description: "What sessions and people can do." },
      { name: "broker", description: "The broker itself." },
    ],
    paths: {
      ...Object.fromEntries(
        entries.map((entry) => [`/api/${entry.name}`, { post: operationOf(entry, withReferences) }]),
      ),
      ...brokerPaths((codes) => errorResponses(codes)),
    },
    components: {
      securitySchemes,
      schemas,
      responses: Object.fromEntries(errors.map((codes) => [responseName(codes), errorResponse(codes)])),
    },
  };
}

const securitySchemes = {
  token: {
    type: "http",
    scheme: "bearer",
    description: "The `token` file of the broker's home, or a token that another machine got when it joined.",
  },
  peer: { type: "apiKey", in: "header", name: "X-CCT-Peer", description: "The peer_id, from `register`." },
  secret: { type: "apiKey", in: "header", name: "X-CCT-Secret", description: "The peer's secret, from `register`." },
  invitation: { type: "http", scheme: "bearer", description: "The code inside a join string, which can be used once." },
};

/** The credentials of each kind of caller. */
const credentials: Record<Caller["kind"], Json> = {
  peer: { token: [], peer: [], secret: [] },
  operator: { token: [] },
  person: { token: [] },
  newcomer: { token: [] },
  device: { token: [] },
  invitee: { invitation: [] },
};

function operationOf(entry: SurfaceEntry, withReferences: (schema: Json) => Json): Json {
  const { name, by, repeatable, doc, input, output } = entry;
  const security = new Map(by.map((kind) => [JSON.stringify(credentials[kind]), credentials[kind]]));
  return {
    operationId: name,
    tags: ["operations"],
    summary: summaryOf(doc),
    description: `${doc}\n\nFor: ${by.join(", ")}. May be repeated when the answer was lost: ${repeatable}.`,
    security: [...security.values()],
    requestBody: {
      required: (input.required ?? []).length > 0,
      content: { "application/json": { schema: withReferences(input) } },
    },
    responses: {
      200: { description: "Done.", content: { "application/json": { schema: withReferences(openOutput(output)) } } },
      ...errorResponses(errorsOf(entry)),
    },
  };
}

/** The first sentence. */
const summaryOf = (doc: string): string => doc.replace(/[.:;] .*$/s, "").replace(/\.$/, "");

/** Codes that share an HTTP status share a response. */
function byStatus(codes: readonly ErrorCode[]): ErrorCode[][] {
  const statuses = [...new Set(codes.map((code) => httpStatus[code]))];
  return statuses.map((status) => codes.filter((code) => httpStatus[code] === status));
}

function errorResponses(codes: readonly ErrorCode[]): Json {
  return Object.fromEntries(
    byStatus(codes).map((group) => [statusOf(group), { $ref: `#/components/responses/${responseName(group)}` }]),
  );
}

const statusOf = ([code]: readonly ErrorCode[]): number => (code === undefined ? 500 : httpStatus[code]);

/** `store_full` is `StoreFull`; several are joined: `AmbiguousOrConflict`. */
const responseName = (codes: readonly ErrorCode[]): string =>
  codes.map((code) => code.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())).join("Or");

function errorResponse(codes: readonly ErrorCode[]): Json {
  const retry = statusOf(codes) === 429 || statusOf(codes) === 503;
  return {
    description: codes.map((code) => `\`${code}\`: ${errorTexts[code].meaning}`).join(" "),
    ...(retry && { headers: { "Retry-After": { description: "Seconds to wait.", schema: { type: "integer" } } } }),
    content: {
      "application/json": {
        schema: {
          type: "object",
          required: ["error"],
          properties: {
            error: {
              type: "object",
              required: ["code", "message", "hint"],
              properties: {
                code: { type: "string", enum: codes },
                message: { type: "string", description: "what is wrong" },
                hint: { type: "string", description: "what to do next" },
              },
            },
          },
        },
      },
    },
  };
}
