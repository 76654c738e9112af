/** Messages and their deliveries. */
import type { OutputOf } from "../../operations/index.ts";
import { oneLine } from "../../rules/text.ts";
import { clockTime, type Screen, table } from "../parts/output.ts";

export function sent({ message_id, recipients, kept }: OutputOf<"send_message">): string {
  const lines =
    kept === undefined
      ? recipients.map(({ state, address, name, note }) => `${state} for ${address ?? name}${note ? `: ${note}` : ""}`)
      : [kept];
  return [...lines.map((line) => oneLine(line, 1000)), `message ${message_id}`, ""].join("\n");
}

export function history({ messages }: OutputOf<"messages">, screen: Screen): string {
  if (messages.length === 0) return "No messages.\n";
  const rows = messages.map((message) => [
    clockTime(message.sent_at),
    message.from_address ?? message.from_name,
    // An id as short as other tables show it.
    message.to.replace(/^([0-9a-f]{4})[0-9a-f]{28}$/, "$1"),
    message.recipients.map((recipient) => recipient.state).join(" "),
    message.message_id,
    message.text,
  ]);
  const older = `Older ones, if any: cct messages --before ${messages.at(-1)?.seq}\n`;
  return table(screen, ["SENT (UTC)", "FROM", "TO", "STATE", "ID", "TEXT"], rows) + older;
}

export function recipients({ recipients }: OutputOf<"message_status" | "resend_message">, screen: Screen): string {
  const rows = recipients.map((recipient) => [
    recipient.address ?? recipient.name,
    recipient.state,
    String(recipient.attempts),
    recipient.redelivered ? "yes" : "",
    recipient.delivered_at === null ? "" : clockTime(recipient.delivered_at),
    recipient.read_at === null ? "" : clockTime(recipient.read_at),
    recipient.reason ?? "",
  ]);
  return table(screen, ["TO", "STATE", "ATTEMPTS", "REDELIVERED", "DELIVERED (UTC)", "READ (UTC)", "WHY"], rows);
}
