/** What only the operator looks at: notes, cost, held mail and inbound policies. */
import type { OutputOf } from "../../operations/index.ts";
import { oneLine } from "../../rules/text.ts";
import { clockTime, type Screen, table } from "../parts/output.ts";

export function notes({ notes }: OutputOf<"notes">, screen: Screen): string {
  if (notes.length === 0) return "No notes.\n";
  // Never cut: what to do stands at the end.
  return table(
    { ...screen, columns: Number.POSITIVE_INFINITY },
    ["WHEN (UTC)", "NOTE"],
    notes.map(({ at, text }) => [clockTime(at), text]),
  );
}

export function cost({ peers, pools }: OutputOf<"cost">, screen: Screen): string {
  const rows = [...peers, ...pools.map((pool) => ({ ...pool, name: `@${pool.name}` }))].map((one) => [
    one.name,
    String(one.wakes),
    String(one.injections),
    String(one.messages),
    String(one.tokens),
  ]);
  if (rows.length === 0) return "No mail was delivered.\n";
  return table(screen, ["PEER OR POOL", "WAKES", "INJECTIONS", "MESSAGES", "TOKENS OF MAIL (ESTIMATE)"], rows);
}

export function heldMail({ held }: OutputOf<"held_messages">, screen: Screen): string {
  if (held.length === 0) return "No mail is held.\n";
  const rows = held.map((one) => [clockTime(one.sent_at), one.from_name, one.to, one.message_id, one.text]);
  return table(screen, ["SENT (UTC)", "FROM", "HELD FOR", "ID", "TEXT"], rows);
}

export function unheld({ released }: OutputOf<"unhold_message">): string {
  return `Released to ${released} mailbox${released === 1 ? "" : "es"}.\n`;
}

export function policies({ name, policies }: OutputOf<"inbound_policy">, screen: Screen): string {
  const rows = policies.map(({ policy, from }) => [policy, from]);
  return `${oneLine(name)}:\n${table(screen, ["POLICY", "FOR MAIL FROM"], rows)}`;
}
