/** Outboxes: messages of this machine's sessions that could not be sent yet. */
import { shortMessageId } from "../../rules/address.ts";
import { oneLine } from "../../rules/text.ts";
import { ago, type Screen } from "../parts/output.ts";
import { table } from "../parts/table.ts";

interface OutboxRow {
  message_id: string;
  /** The sender's name, or the start of its id. */
  from: string;
  to: unknown;
  text: unknown;
  kept_at: number;
  state: string;
  why?: string | undefined;
}

export function outbox(all: readonly OutboxRow[], screen: Screen, now: number): string {
  if (all.length === 0) return "The outboxes are empty.\n";
  const ids = all.map((one) => one.message_id);
  const rows = all.map(({ from, to, kept_at, state, message_id, text, why }) => {
    const excerpt = oneLine(String(text ?? ""), 80);
    return [
      from,
      String(to ?? "?"),
      ago(kept_at, now),
      state,
      shortMessageId(message_id, ids),
      why === undefined ? excerpt : `${excerpt} — ${why}`,
    ];
  });
  return table(
    screen,
    [
      { heading: "FROM", least: 10, keepBoth: true },
      { heading: "TO", least: 10, keepBoth: true },
      { heading: "KEPT", optional: 1 },
      "STATE",
      "ID",
      { heading: "TEXT", least: 16 },
    ],
    rows,
  );
}
