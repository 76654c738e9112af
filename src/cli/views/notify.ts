/** Notifications: the channels, and how the last ones went. */
import type { OutputOf } from "../../operations/index.ts";
import { needKinds } from "../../rules/attention.ts";
import { span } from "../../rules/text.ts";
import { ago, type Screen, type Style } from "../parts/output.ts";
import { table } from "../parts/table.ts";

type Status = OutputOf<"notify_status">;
type Way = Status["channels"][number];

export function notifyStatus(status: Status, screen: Screen): string {
  const { channels, kinds, quiet, text } = status;
  if (channels.length === 0)
    return "No channel is set, so no notifications are sent. Set one, then restart the broker:\n  cct config set notify_ntfy <URL of an ntfy topic>\n  cct config set notify_webhook <URL>\n";
  const rows = channels.map((way) => [
    way.channel,
    way.place,
    { text: way.state, style: styles[way.state] },
    way.sent_at === undefined ? "-" : ago(way.sent_at, status.now),
    noteOn(way, status.now),
  ]);
  const sent = kinds.length === needKinds.length ? "all kinds" : kinds.join(", ");
  const lines = [
    `Sends: ${sent}; ${text ? "also texts, commands, files, directories and URLs" : "without texts"}.`,
    ...(quiet === undefined ? [] : [`Quiet: ${quiet}.`]),
  ];
  return `${table(screen, COLUMNS, rows)}${lines.join("\n")}\n`;
}

const COLUMNS = ["CHANNEL", { heading: "TO", least: 12 }, "STATE", "ARRIVED", { heading: "NOTE", least: 16 }];

const styles: Record<Way["state"], Style> = { idle: "green", waiting: "yellow", trying: "yellow", failed: "red" };

/** What is to know about a channel; empty if nothing is. */
export function noteOn(way: Way, now: number): string {
  const notes: string[] = [];
  if (way.state === "trying")
    notes.push(`${way.error} (attempt ${way.attempts}), again in ${span((way.next_at ?? now) - now)}`);
  if (way.state === "failed") notes.push(`given up ${ago(way.failed_at ?? now, now)}: ${way.error}`);
  if (way.plain) notes.push("plain HTTP: anyone on the network path can read it");
  if (way.signed === false) notes.push("not signed: set notify_webhook_secret");
  return notes.join("; ");
}
