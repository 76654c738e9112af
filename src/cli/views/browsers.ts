/** Browsers that are logged in at the page. */
import type { OutputOf } from "../../operations/index.ts";
import { span } from "../../rules/text.ts";
import type { Screen } from "../parts/output.ts";
import { table } from "../parts/table.ts";

export function browsers({ browsers }: OutputOf<"list_browsers">, screen: Screen, now: number): string {
  if (browsers.length === 0) return "No browser is logged in. To open the page: cct open\n";
  const rows = browsers.map((one) => [
    one.name,
    one.browser_id.slice(0, 4),
    one.device ?? (one.on_network ? "a phone" : "this machine"),
    `${span(now - one.last_seen)} ago`,
    `in ${span(one.ends_at - now)}`,
  ]);
  return table(screen, [{ heading: "BROWSER", least: 12, keepBoth: true }, "ID", "FROM", "SEEN", "ENDS"], rows);
}

export function revokedBrowsers({ revoked }: OutputOf<"revoke_browser">): string {
  if (revoked.length === 0) return "No browser is logged in.\n";
  return `Logged out: ${revoked.map((one) => `${one.name} (${one.browser_id.slice(0, 4)})`).join(", ")}.\n`;
}
