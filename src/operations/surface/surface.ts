/**
 * The surface: the list of operations as plain data. It is checked in as `surface.json`, so that changes that users see
 * show up in review, and it is what the faces are generated from (see `snapshot.ts`).
 */
import * as z from "zod";
import type { Written } from "../../rules/times.ts";
import type { Caller, Operation, Repeatable, SpecificError, ToolFace } from "../core/operation.ts";
import { type OperationName, operations } from "../index.ts";

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
  /** A number that people and models write as a time. */
  written?: Written;
  items?: JsonProperty;
  anyOf?: JsonProperty[];
  properties?: Record<string, JsonProperty>;
  [key: string]: unknown;
};

export interface SurfaceEntry {
  name: OperationName;
  by: readonly Caller["kind"][];
  repeatable: Repeatable;
  errors?: readonly SpecificError[];
  cli?: string;
  example?: string;
  tool?: Omit<ToolFace, "adds" | "takes"> & {
    adds?: Record<string, JsonProperty>;
    takes?: Record<string, JsonProperty>;
  };
  doc: string;
  input: JsonSchema;
  output: JsonSchema;
}

export function surface(): SurfaceEntry[] {
  return operations.map((op) => entryOf(op.name, op));
}

/** `name` comes apart from the declaration, because the general type of a declaration has any name. */
function entryOf(
  name: OperationName,
  { by, repeatable, errors, cli, example, tool, doc, input, output }: Operation,
): SurfaceEntry {
  return {
    name,
    by,
    repeatable,
    ...(errors && { errors }),
    ...(cli && { cli }),
    ...(example && { example }),
    ...(tool && { tool: toolOf(tool) }),
    doc,
    input: jsonSchema(input, "input"),
    output: jsonSchema(output, "output"),
  };
}

function toolOf({ adds, takes, ...face }: ToolFace): NonNullable<SurfaceEntry["tool"]> {
  return {
    ...face,
    ...(adds && { adds: jsonSchema(z.object(adds), "output").properties }),
    ...(takes && { takes: jsonSchema(z.object(takes), "input").properties }),
  };
}

export function jsonSchema(shape: z.ZodObject, io: "input" | "output"): JsonSchema {
  const schema = JSON.parse(
    JSON.stringify(z.toJSONSchema(shape, { io }), (key, value) => {
      if (key === "$schema") return undefined;
      // zod bounds every integer by what a double can hold; that tells readers nothing.
      return Math.abs(value) === Number.MAX_SAFE_INTEGER ? undefined : value;
    }),
  );
  if (io === "output") schema.additionalProperties = true;
  return { ...schema, properties: schema.properties ?? {} };
}
