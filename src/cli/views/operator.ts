/** What only the operator looks at: notes, cost, held mail and inbound policies. */
import type { OutputOf } from "../../operations/index.ts";
import { shortMessageId } from "../../rules/address.ts";
import { oneLine } from "../../rules/text.ts";
import { ago, type Screen } from "../parts/output.ts";
import { table, wrap } from "../parts/table.ts";

export function notes({ notes }: OutputOf<"notes">, screen: Screen, now: number): string {
  if (notes.length === 0) return "No notes.\n";
  // Never cut: what to do stands at the end.
  return notes.map(({ at, text }) => `${wrap(screen, `${ago(at, now)}: ${oneLine(text, 2_000)}`)}\n`).join("");
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
  return table(
    screen,
    [{ heading: "PEER OR POOL", least: 12, keepBoth: true }, "WAKES", "INJECTIONS", "MESSAGES", "TOKENS (ESTIMATE)"],
    rows,
  );
}

export function heldMail({ held }: OutputOf<"held_messages">, screen: Screen, now: number): string {
  if (held.length === 0) return "No mail is held.\n";
  const ids = held.map((one) => one.message_id);
  const rows = held.map((one) => [
    one.from_name,
    one.to,
    ago(one.sent_at, now),
    shortMessageId(one.message_id, ids),
    one.text,
  ]);
  return table(
    screen,
    [
      { heading: "FROM", least: 10, keepBoth: true },
      { heading: "HELD FOR", least: 10, keepBoth: true },
      { heading: "SENT", optional: 1 },
      "ID",
      { heading: "TEXT", least: 16 },
    ],
    rows,
  );
}

export function unheld({ released }: OutputOf<"unhold_message">): string {
  return `Released to ${released} mailbox${released === 1 ? "" : "es"}.\n`;
}

export function policies({ name, policies }: OutputOf<"inbound_policy">, screen: Screen): string {
  const rows = policies.map(({ policy, from }) => [policy, from]);
  return `${oneLine(name)}:\n${table(screen, ["POLICY", { heading: "FOR MAIL FROM", least: 12, keepBoth: true }], rows)}`;
}

export function policyList({ policies }: OutputOf<"list_policies">, screen: Screen): string {
  if (policies.length === 0) return "Every mailbox accepts all mail.\n";
  const rows = policies.map(({ name, policy, from }) => [name, policy, from]);
  return table(
    screen,
    [
      { heading: "MAILBOX", least: 10, keepBoth: true },
      "POLICY",
      { heading: "FOR MAIL FROM", least: 12, keepBoth: true },
    ],
    rows,
  );
}
