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
    notes.push(
      `${failureWords(way.error ?? "")} (attempt ${way.attempts}), again in ${span((way.next_at ?? now) - now)}`,
    );
  if (way.state === "failed")
    notes.push(`given up ${ago(way.failed_at ?? now, now)}: ${failureWords(way.error ?? "")}`);
  if (way.plain) notes.push("plain HTTP: anyone on the network path can read it");
  if (way.signed === false) notes.push("not signed: set notify_webhook_secret");
  return notes.join("; ");
}

/** What happened, and what to do: the broker says a status or the system's code. */
const FAILURES: readonly (readonly [error: RegExp, what: string, next: string])[] = [
  [/^ECONNREFUSED$/, "nothing listens there", "Check host and port of the address, and start the receiver"],
  [/^(ENOTFOUND|EAI_AGAIN)$/, "there is no such host", "Check the address, and that this machine can resolve names"],
  [
    /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|no answer)/,
    "it does not answer",
    "Check the address, the network and a firewall",
  ],
  [
    /^(ECONNRESET|EPIPE)$/,
    "the connection was broken off",
    "Check that it speaks the scheme of the address, http or https",
  ],
  [/CERT|SELF_SIGNED|SSL|TLS|EPROTO/, "its certificate or TLS was not accepted", "Check https and the certificate"],
  [/^HTTP 40[13]$/, "it refused the sender", "Check the token (notify_ntfy_token) or the secret"],
  [/^HTTP 404$/, "it does not know the address", "Check the path of the address"],
  [/^HTTP 429$/, "it is asked too often", "Try later"],
  [/^HTTP 3/, "the address has moved", "Set the address to which it redirects"],
];

/** `nothing listens there (ECONNREFUSED)`; `next`: with what to do. */
export function failureWords(error: string, next = false): string {
  const [, what, todo] = FAILURES.find(([pattern]) => pattern.test(error)) ?? [];
  if (what === undefined) return error;
  return `${what} (${error})${next ? `. ${todo}: cct config show` : ""}`;
}
