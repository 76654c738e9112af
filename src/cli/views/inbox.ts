/** A person's mail: the list, and messages in full. */
import type { OutputOf } from "../../operations/index.ts";
import { shortMessageId } from "../../rules/address.ts";
import { BROKER_NAME } from "../../rules/names.ts";
import { oneLine, stripInvisible } from "../../rules/text.ts";
import { ago, count, paint, type Screen } from "../parts/output.ts";
import { type Cell, table } from "../parts/table.ts";

type Mail = OutputOf<"inbox">["messages"][number];

const stateCell = ({ state }: Mail): Cell =>
  state === "queued" ? { text: "unread", style: "yellow" } : { text: state, style: "dim" };

const sender = ({ from, from_address, from_name }: Mail): string =>
  from === BROKER_NAME ? "CCT" : oneLine(from_address ?? from_name, 120);

export function inbox({ messages, unread }: OutputOf<"inbox">, screen: Screen, now: number): string {
  if (messages.length === 0) return "No unread mail. Older: cct inbox --all\n";
  const ids = messages.map((one) => one.message_id);
  const rows = messages.map((one) => [
    sender(one),
    stateCell(one),
    ago(one.sent_at, now),
    shortMessageId(one.message_id, ids),
    one.text,
  ]);
  const next = unread === 0 ? "" : "To read them: cct inbox read, or cct inbox read <id>\n";
  return (
    table(
      screen,
      [
        { heading: "FROM", least: 12, keepBoth: true },
        "STATE",
        { heading: "SENT", optional: 1 },
        "ID",
        { heading: "TEXT", least: 16 },
      ],
      rows,
    ) + next
  );
}

/** One message in full. */
export function letter(one: Mail, screen: Screen, now: number): string {
  const head = [
    `from ${sender(one)}`,
    ...(one.pool === undefined ? [] : [`in @${oneLine(one.pool, 60)}`]),
    ago(one.sent_at, now),
    ...(one.urgency === "interrupt" ? ["urgent"] : []),
    ...(one.reply_to === undefined ? [] : [`reply to ${shortMessageId(one.reply_to)}`]),
    `id ${shortMessageId(one.message_id)}`,
  ];
  const lines = stripInvisible(one.text).trimEnd().split("\n");
  // Indented, so that no text looks like the head of another message.
  return `${paint(screen, "bold", head.join(" · "))}\n${lines.map((line) => `  ${line}`.trimEnd()).join("\n")}\n`;
}

/** The line after other commands. */
export const reminder = (unread: number): string => `${count(unread, "unread message")} for you: cct inbox\n`;
