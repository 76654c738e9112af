/** Every file that is generated from tables in src/ and checked in, by its path. */
import packageJson from "../package.json" with { type: "json" };
import { hostsPage } from "../src/host/hosts-page.ts";
import { errorsPage } from "../src/operations/surface/errors.ts";
import { openapi } from "../src/operations/surface/openapi.ts";
import { reference } from "../src/operations/surface/reference.ts";
import { surface } from "../src/operations/surface/surface.ts";
import { toolFields, toolLines } from "../src/operations/surface/tools.ts";
import { settingsPage } from "../src/platform/settings-page.ts";

export function pages(): Record<string, string> {
  const entries = surface();
  return {
    "src/operations/surface/surface.json": json(entries),
    "src/operations/surface/tools.json": toolLines(entries),
    "src/operations/surface/tool-fields.json": json(toolFields(entries)),
    "src/operations/surface/repeatable.json": json(
      Object.fromEntries(entries.map(({ name, repeatable }) => [name, repeatable])),
    ),
    "docs/openapi.json": json(openapi(packageJson.version)),
    "docs/reference.md": reference(entries),
    "docs/errors.md": errorsPage(entries),
    "docs/settings.md": settingsPage(),
    "docs/hosts.md": hostsPage(),
  };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
