/** The paths of the OpenAPI document that are not operations: they must answer while the database does not, or they stream. */
import type { ErrorCode } from "../../platform/errors.ts";
import { type Json, schemaRef } from "./openapi-schemas.ts";

const withoutToken: ErrorCode[] = ["bad_request", "forbidden", "rate_limited"];
const withToken: ErrorCode[] = ["bad_request", "unauthorized", "forbidden", "rate_limited", "internal", "unavailable"];
const ofBackup: ErrorCode[] = [...withToken, "conflict", "store_failed", "store_full"];

/** The codes that these paths answer with. */
export const brokerErrors = [withoutToken, withToken, ofBackup];

const openSecurity = [{}, { token: [] }];

/** `errors` makes the responses of some codes. */
export function brokerPaths(errors: (codes: readonly ErrorCode[]) => Json): Json {
  const get = (path: string, summary: string, rest: Json): [string, Json] => [
    path,
    { get: { operationId: path.slice(1).replace(/\W/g, "_"), tags: ["broker"], summary, ...rest } },
  ];
  const json = (schema: Json): Json => ({ "application/json": { schema } });
  return Object.fromEntries([
    get("/health", "Whether the process lives", {
      description: "With a valid token the broker also says who it is.",
      security: openSecurity,
      responses: { 200: { description: "It lives.", content: json(schemaRef("Health")) }, ...errors(withoutToken) },
    }),
    get("/ready", "Whether the broker can do its work", {
      description: "For load balancers. With a valid token the answer has the reasons.",
      security: openSecurity,
      responses: {
        200: { description: "It can.", content: json(schemaRef("Ready")) },
        ...errors(withoutToken),
        503: { description: "It cannot now.", content: json(schemaRef("Ready")) },
      },
    }),
    get("/prove", "Proof that the broker knows a token", {
      description:
        "For clients, before they send a token by plain HTTP: see docs/api.md. The proof is the HMAC-SHA256, with the token's " +
        "SHA-256 in hexadecimal as its key, of the lines `cct broker 1`, nonce and address.",
      security: [{}],
      parameters: [
        {
          name: "X-CCT-Challenge",
          in: "header",
          required: true,
          description: "Key, nonce and the client's signature, in hexadecimal, joined by dots.",
          schema: { type: "string", pattern: "^[0-9a-f]{16}\\.[0-9a-f]{32}\\.[0-9a-f]{64}$" },
        },
      ],
      responses: {
        200: {
          description: "The proof.",
          content: json({
            type: "object",
            properties: {
              address: { type: "string", description: "the broker's end of this connection: address:port" },
              proof: { type: "string" },
            },
            required: ["address", "proof"],
            additionalProperties: false,
          }),
        },
        ...errors(withToken),
      },
    }),
    get("/status", "State of the broker and of its mail", {
      security: [{ token: [] }],
      responses: { 200: { description: "The state.", content: json(schemaRef("Status")) }, ...errors(withToken) },
    }),
    get("/metrics", "Metrics for Prometheus", {
      security: [{ token: [] }],
      responses: {
        200: {
          description: "Counters, gauges and histograms in Prometheus' text format.",
          content: { "text/plain": { schema: { type: "string" } } },
        },
        ...errors(withToken),
      },
    }),
    get("/backup", "A copy of the database file", {
      description: "Only for the broker's own home, and only with SQLite. The broker goes on working meanwhile.",
      security: [{ token: [] }],
      responses: {
        200: {
          description: "An SQLite file.",
          content: { "application/vnd.sqlite3": { schema: { type: "string", format: "binary" } } },
        },
        ...errors(ofBackup),
      },
    }),
    get("/events", "Event stream of a peer", {
      description:
        "Server-sent events. `mail`: there may be mail, call claim_messages. `peer`: the peer itself changed. Events are hints " +
        "without content; the first one comes at once, and a comment every 15 s shows that the connection lives.",
      security: [{ token: [], peer: [], secret: [] }],
      responses: {
        200: { description: "The stream.", content: { "text/event-stream": { schema: { type: "string" } } } },
        ...errors(withToken),
      },
    }),
    get("/feed", "Event stream for people: what changes", {
      description:
        "Server-sent events named `changes`, each a batch (JSON) of what changed within a tenth of a second, with an id to go on " +
        "from (`Last-Event-ID`): messages (their beginning), receipts, mail (how much waits for a peer), peers, gone, pools, " +
        "gone_pools, services, attention. `look_again`: something was left out, or this is the beginning: read `overview`. " +
        "Another machine than an admin's gets peers and pools that are not private.",
      security: [{ token: [] }],
      responses: {
        200: { description: "The stream.", content: { "text/event-stream": { schema: { type: "string" } } } },
        ...errors(withToken),
      },
    }),
    get("/openapi.json", "This document", {
      security: [{ token: [] }],
      responses: { 200: { description: "OpenAPI 3.1.", content: json({ type: "object" }) }, ...errors(withToken) },
    }),
  ]);
}
