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
    fromOf(one),
    `${span(now - one.last_seen)} ago`,
    `in ${span(one.ends_at - now)}`,
  ]);
  return `${table(
    screen,
    [{ heading: "BROWSER", least: 12, keepBoth: true }, "ID", { heading: "FROM", least: 12 }, "SEEN", "ENDS"],
    rows,
  )}To log one out: cct browser revoke <id>. Its page closes at once; cct open lets it in again.\n`;
}

/** Where it was let in: one's own are those of this machine. */
function fromOf({ here, on_network, device }: OutputOf<"list_browsers">["browsers"][number]): string {
  if (here) return "this machine";
  return device ?? (on_network ? "a phone" : "the broker's machine");
}

export function revokedBrowsers({ revoked }: OutputOf<"revoke_browser">): string {
  if (revoked.length === 0) return "No browser is logged in.\n";
  const names = revoked.map((one) => `${one.name} (${one.browser_id.slice(0, 4)})`).join(", ");
  return `Logged out: ${names}. To come back: cct open.\n`;
}
