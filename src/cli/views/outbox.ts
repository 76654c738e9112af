/** Outboxes: messages of this machine's sessions that could not be sent yet. */
import { oneLine, span } from "../../rules/text.ts";
import { type Screen, table } from "../parts/output.ts";

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
  const rows = all.map(({ from, to, kept_at, state, message_id, text, why }) => {
    const excerpt = oneLine(String(text ?? ""), 80);
    return [
      from,
      String(to ?? "?"),
      span(now - kept_at),
      state,
      message_id,
      why === undefined ? excerpt : `${excerpt} — ${why}`,
    ];
  });
  return table(screen, ["FROM", "TO", "AGE", "STATE", "ID", "TEXT"], rows);
}
