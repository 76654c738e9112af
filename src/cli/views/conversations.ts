/** Conversations, the latest first. */
import type { OutputOf } from "../../operations/index.ts";
import { ago, type Screen } from "../parts/output.ts";
import { table } from "../parts/table.ts";

export function conversations(output: OutputOf<"conversations">, screen: Screen, now: number): string {
  const { conversations, cut, next } = output;
  if (conversations.length === 0) return "No conversations.\n";
  const rows = conversations.map(({ pool, with: pair = [], last, failed, held, unread = 0 }) => [
    pool === undefined ? pair.map(({ name }) => name).join(", ") : `@${pool}`,
    ago(last.sent_at, now),
    unread > 0 ? `${unread} unread` : "",
    {
      text: failed > 0 ? `${failed} failed` : held > 0 ? `${held} held` : "",
      style: failed > 0 ? "red" : "yellow",
    } as const,
    `${last.from_name}: ${last.text}`,
  ]);
  const more = next === undefined ? "" : `More: cct conversations --after ${next}\n`;
  const missing = cut
    ? "There are more than 20,000 pairs: some that have not written for long are missing. cct messages --with <name> finds them.\n"
    : "";
  return table(screen, COLUMNS, rows) + more + missing;
}

const COLUMNS = [
  { heading: "BETWEEN", least: 16, keepBoth: true },
  "LAST",
  "MAIL",
  "TROUBLE",
  { heading: "TEXT", least: 20 },
];
