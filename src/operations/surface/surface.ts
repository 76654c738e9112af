/**
 * The surface: the list of operations as plain data. It is checked in as `surface.json`, so that a change of what
 * users see shows in review, and read by the session server, which so starts without zod's schemas.
 */
import * as z from "zod";
import type { Operation } from "../core/operation.ts";
import { operations } from "../index.ts";

export type JsonSchema = {
  type: "object";
  properties: Record<string, JsonProperty>;
  required?: string[];
  additionalProperties?: boolean;
};

export type JsonProperty = {
  type?: string;
  enum?: string[];
  description?: string;
  [key: string]: unknown;
};

export interface SurfaceEntry {
  name: string;
  by: string[];
  cli?: string;
  tool?: { title: string; readOnly: boolean; idempotent: boolean; alwaysLoad?: boolean };
  doc: string;
  input: JsonSchema;
  output: JsonSchema;
}

export function surface(): SurfaceEntry[] {
  return operations.map((op: Operation) => ({
    name: op.name,
    by: [...op.by],
    ...(op.cli ? { cli: op.cli } : {}),
    ...(op.tool ? { tool: op.tool } : {}),
    doc: op.doc,
    input: jsonSchema(op.input, "input"),
    output: jsonSchema(op.output, "output"),
  }));
}

function jsonSchema(shape: z.ZodObject, io: "input" | "output"): JsonSchema {
  const schema = JSON.parse(
    JSON.stringify(z.toJSONSchema(shape, { io }), (key, value) => {
      if (key === "$schema") return undefined;
      // zod bounds every integer by what a double can hold; to a reader that says nothing.
      return Math.abs(value) === Number.MAX_SAFE_INTEGER ? undefined : value;
    }),
  );
  if (io === "output") schema.additionalProperties = true;
  return { ...schema, properties: schema.properties ?? {} };
}

/** `docs/reference.md`, made from the surface. */
export function reference(): string {
  const lines = [
    "# Reference",
    "",
    "Made from the list of operations by `npm run surface`; do not edit.",
    "",
    "Every operation is `POST /api/<name>` with a JSON body, `Authorization: Bearer <token>` (the `token` file of the",
    'broker\'s home) and, for a peer, `X-CCT-Peer` and `X-CCT-Secret`. Errors are `{"error": {code, message, hint}}`',
    "with a 4xx or 5xx status. Times are integer milliseconds since 1970 (UTC).",
  ];
  for (const { name, by, cli, tool, doc, input, output } of surface()) {
    lines.push("", `## ${name}`, "", doc, "");
    lines.push(`- for: ${by.join(", ")}`);
    if (tool) lines.push(`- tool: \`cct_${name}\``);
    if (cli) lines.push(`- command: \`cct ${cli}\``);
    lines.push("", ...fields("Input", input), "", ...fields("Output", output));
  }
  return `${lines.join("\n")}\n`;
}

function fields(title: string, schema: JsonSchema): string[] {
  const names = Object.keys(schema.properties);
  if (names.length === 0) return [`${title}: nothing.`];
  const rows = names.map((name) => {
    const property = schema.properties[name] ?? {};
    const needed = title === "Output" || schema.required?.includes(name) ? "" : "?";
    return `| \`${name}${needed}\` | ${typeOf(property)} | ${property.description ?? ""} |`;
  });
  return [`| ${title} | type | |`, "|---|---|---|", ...rows];
}

function typeOf(property: JsonProperty): string {
  if (property.enum) return property.enum.map((one) => `\`${one}\``).join(", ");
  const { anyOf, items, properties } = property as {
    anyOf?: JsonProperty[];
    items?: JsonProperty;
    properties?: object;
  };
  if (anyOf) return anyOf.map(typeOf).join(" or ");
  if (items) return `list of ${typeOf(items)}`;
  if (properties) return `{${Object.keys(properties).join(", ")}}`;
  return property.type ?? "any";
}
