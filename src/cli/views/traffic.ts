/** What sessions did, and who writes to whom. */
import type { OutputOf } from "../../operations/index.ts";
import { shownGone } from "../../rules/agents.ts";
import { presences } from "../../rules/presence.ts";
import { span } from "../../rules/text.ts";
import type { Screen } from "../parts/output.ts";
import { table } from "../parts/table.ts";

export function presenceHistory({ peers, since, until }: OutputOf<"presence_history">, screen: Screen): string {
  if (peers.length === 0) return "No session was there.\n";
  const rows = peers.map(({ name, spans }) => {
    const spent = new Map<string, number>();
    for (const [i, [from, state]] of spans.entries()) {
      const end = spans[i + 1]?.[0] ?? until;
      spent.set(state, (spent.get(state) ?? 0) + Math.max(0, end - Math.max(from, since)));
    }
    return [name, ...presences.map((one) => (spent.get(one) ? span(spent.get(one) ?? 0) : ""))];
  });
  return table(
    screen,
    [{ heading: "NAME", least: 12, keepBoth: true }, ...presences.map((one) => one.toUpperCase())],
    rows,
  );
}

export function traffic({ pairs }: OutputOf<"traffic">, screen: Screen): string {
  if (pairs.length === 0) return "No mail was sent.\n";
  const rows = pairs.map((one) => [
    shownGone(one.from_name, one.gone?.includes("from")),
    shownGone(one.to_name, one.gone?.includes("to")),
    String(one.direct),
    one.pool > 0 ? String(one.pool) : "",
    { text: one.failed > 0 ? String(one.failed) : "", style: "red" as const },
  ]);
  const name = { least: 12, keepBoth: true };
  return table(
    screen,
    [{ heading: "FROM", ...name }, { heading: "TO", ...name }, "DIRECT", "IN POOLS", "FAILED"],
    rows,
  );
}
