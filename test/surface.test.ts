import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { pages } from "../scripts/pages.ts";
import { surface } from "../src/operations/surface/surface.ts";
import { toolFields } from "../src/operations/surface/tool-list.ts";
import { type Tool, toolsOf } from "../src/operations/surface/tools.ts";
import { toolList } from "../src/session/tools.ts";
import { root } from "./support/folders.ts";

/** The tool names, which users' permissions and hooks rely on. */
const TOOLS = [
  "cct_check_messages",
  "cct_send_message",
  "cct_list_peers",
  "cct_list_pools",
  "cct_create_pool",
  "cct_join_pool",
  "cct_leave_pool",
  "cct_invite_to_pool",
  "cct_set_summary",
  "cct_pool_status",
  "cct_list_services",
  "cct_propose_release",
  "cct_vote_release",
  "cct_set_busy",
  "cct_set_ready",
  "cct_message_status",
  "cct_search",
];

const OUT_OF_DATE = "out of date: run `npm run surface`, look at what changed, and check it in";

describe("what is checked in", () => {
  test.each(Object.entries(pages()))("%s is what `npm run surface` writes", (path, text) => {
    expect(readFileSync(join(root, path), "utf8") === text, OUT_OF_DATE).toBe(true);
  });
});

describe("the tools that a model is offered", () => {
  const tools: Tool[] = JSON.parse(toolList(root));

  test("are those of the surface", () => {
    expect(tools).toEqual(toolsOf(surface()));
    expect(Object.keys(toolFields)).toEqual(tools.map((tool) => tool.name));
  });

  test("have the agreed names, each once", () => {
    const names = tools.map((tool) => tool.name);
    expect(names.filter((name) => !TOOLS.includes(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("cct_send_message");
  });

  test("take little of a session's context", () => {
    const characters = tools.reduce(
      (sum, tool) => sum + `${tool.name}${tool.description}${JSON.stringify(tool.inputSchema)}`.length,
      0,
    );
    // A token is about 3.5 characters of such text; 4,000 tokens is what all tools together may cost.
    expect(characters / 3.5).toBeLessThan(4_000);
    const loaded = tools.filter(({ _meta }) => _meta?.["anthropic/alwaysLoad"] === true);
    expect(loaded.map(({ name }) => name).sort()).toEqual(["cct_check_messages", "cct_list_peers", "cct_send_message"]);
    // As the host sends them: with the other fixed texts they are 800 tokens (docs/what-a-model-sees.md).
    const definitions = loaded.map(({ name, description, inputSchema }) =>
      JSON.stringify({ name: `mcp__plugin_cct_cct__${name}`, description, input_schema: inputSchema }),
    );
    expect(definitions.join("").length).toBeLessThanOrEqual(1_600);
  });

  test("describe themselves, and take flat inputs", () => {
    for (const tool of tools) {
      expect(tool.description?.length, tool.name).toBeGreaterThan(20);
      for (const [name, property] of Object.entries(tool.inputSchema.properties ?? {})) {
        expect((property as { type?: string }).type, `${tool.name} ${name}`).toMatch(
          /^(string|integer|number|boolean)$/,
        );
      }
    }
  });

  test("ask Claude Code to show long results, which it else puts into a file", () => {
    for (const { _meta } of tools) expect(_meta).toMatchObject({ "anthropic/maxResultSizeChars": 300_000 });
  });

  test("promise no structured answer, which a host would show its model in place of the lines", () => {
    for (const tool of tools) expect(tool).not.toHaveProperty("outputSchema");
  });

  test("declare whether they change anything", () => {
    const readOnly = tools.filter((tool) => tool.annotations?.readOnlyHint).map((tool) => tool.name);
    // In plan mode the host asks its user before a tool that is not one of these.
    expect(readOnly.sort()).toEqual([
      "cct_check_messages",
      "cct_list_peers",
      "cct_list_pools",
      "cct_list_services",
      "cct_message_status",
      "cct_pool_status",
      "cct_search",
    ]);
  });
});

test("every operation has a description, and so has every field that a person or a model fills in", () => {
  for (const { name, doc, cli, tool, input } of surface()) {
    expect(doc, name).toMatch(/^[A-Z].*\.$/s);
    if (!cli && !tool) continue;
    for (const [field, property] of Object.entries(input.properties)) {
      const speaksForItself = property.enum !== undefined || ["thread_id", "message_id"].includes(field);
      expect(property.description !== undefined || speaksForItself, `${name} ${field}`).toBe(true);
    }
  }
});
