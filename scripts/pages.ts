/** Every file that is generated from tables in src/ and checked in, by its path. */

import { readFileSync } from "node:fs";
import packageJson from "../package.json" with { type: "json" };
import { hostsPage } from "../src/host/hosts-page.ts";
import { claude } from "../src/hosts/claude.ts";
import { hooksFile } from "../src/hosts/hooks-file.ts";
import { scriptFor } from "../src/hosts/script.ts";
import { errorsPage } from "../src/operations/surface/errors.ts";
import { openapi } from "../src/operations/surface/openapi.ts";
import { reference } from "../src/operations/surface/reference.ts";
import { surface } from "../src/operations/surface/surface.ts";
import { toolFields, toolLines } from "../src/operations/surface/tools.ts";
import { settingsPage } from "../src/platform/settings-page.ts";

const MAIL_SCRIPT = "plugin/hooks/mail.sh";

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
    // Claude Code loads the plugin; install writes such files for other hosts.
    "plugin/hooks/hooks.json": hooksFile(claude, "${CLAUDE_PLUGIN_ROOT}/hooks/mail.sh"),
    [MAIL_SCRIPT]: scriptFor(readFileSync(MAIL_SCRIPT, "utf8"), claude),
  };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
