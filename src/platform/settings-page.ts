/** `docs/settings.md`: every setting with its variable, values, default and meaning. */
import { settingDocs } from "./setting-docs.ts";
import { declaredSettings, settingNames, variableOf } from "./settings.ts";

export function settingsPage(): string {
  const rows = settingNames.map((name) => {
    const { default: value, values } = declaredSettings[name];
    const cells = [`\`${variableOf(name)}\``, values, value === undefined ? "–" : `\`${value}\``, settingDocs[name]];
    return `| \`${name}\` | ${cells.join(" | ")} |`;
  });
  const lines = [
    "# Settings",
    "",
    "For everyone who looks up a setting; [configuration](configuration.md) explains where settings come from and which ones",
    "people change. Generated from `settings.ts` and `setting-docs.ts` in `src/platform/` by `npm run surface`; do not edit.",
    "",
    "Each setting is a key of `config.json` in the home and an environment variable; the variable wins. `CCT_HOME` names the",
    "home itself (default `~/.cct`).",
    "",
    "| setting | variable | values | default | meaning |",
    "|---|---|---|---|---|",
    ...rows,
  ];
  return `${lines.join("\n")}\n`;
}
