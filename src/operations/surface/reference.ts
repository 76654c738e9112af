/** `docs/reference.md`: every operation with its callers, faces, errors and fields. */
import type { JsonProperty, JsonSchema, SurfaceEntry } from "./surface.ts";

export function reference(surface: readonly SurfaceEntry[]): string {
  const lines = [
    "# Reference",
    "",
    "For developers: every operation with its inputs, outputs and errors. Generated from the list of operations by",
    "`npm run surface`; do not edit.",
    "",
    "Every operation is `POST /api/<name>` with a JSON body, `Authorization: Bearer <token>` (the `token` file of the",
    'broker\'s home) and, for a peer, `X-CCT-Peer` and `X-CCT-Secret`. Errors are `{"error": {code, message, hint}}`',
    "with a 4xx or 5xx status; see [errors](errors.md). Times are integer milliseconds since 1970 (UTC).",
    "The same in OpenAPI 3.1: [openapi.json](openapi.json), which the broker serves at `GET /openapi.json`.",
  ];
  for (const { name, by, repeatable, errors, cli, example, tool, doc, input, output } of surface) {
    lines.push("", `## ${name}`, "", doc, "");
    lines.push(`- for: ${by.join(", ")}`);
    if (tool) lines.push(`- tool: \`cct_${name}\``);
    if (cli) lines.push(`- command: \`cct ${cli}\`${example ? `, such as \`cct ${example}\`` : ""}`);
    lines.push(`- may be repeated: ${repeatable}`);
    if (errors) lines.push(`- specific errors: ${errors.map((code) => `\`${code}\``).join(", ")}`);
    lines.push("", ...fields("Input", input), "", ...fields("Output", output));
    if (tool?.takes) lines.push("", ...fields("The tool takes", { type: "object", properties: tool.takes }));
    if (tool?.adds) lines.push("", ...fields("The tool adds", { type: "object", properties: tool.adds }));
  }
  return `${lines.join("\n")}\n`;
}

function fields(title: string, schema: JsonSchema): string[] {
  const names = Object.keys(schema.properties);
  if (names.length === 0) return [`${title}: nothing.`];
  const rows = names.map((name) => {
    const property = schema.properties[name] ?? {};
    const optional = title === "Input" && !schema.required?.includes(name) ? "?" : "";
    return `| \`${name}${optional}\` | ${typeOf(property)} | ${property.description ?? ""} |`;
  });
  return [`| ${title} | type | |`, "|---|---|---|", ...rows];
}

function typeOf(property: JsonProperty): string {
  if (property.enum) return property.enum.map((one) => `\`${one}\``).join(", ");
  if (property.anyOf) return property.anyOf.map(typeOf).join(" or ");
  if (property.items) return `list of ${typeOf(property.items)}`;
  if (property.properties) return `{${Object.keys(property.properties).join(", ")}}`;
  return property.type ?? "any";
}
