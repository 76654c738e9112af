/** What needs the operator. */
import type { OutputOf } from "../../operations/index.ts";
import { span } from "../../rules/text.ts";
import { needSentence } from "../../rules/texts/needs.ts";
import type { Screen, Style } from "../parts/output.ts";
import { table } from "../parts/table.ts";

type Need = OutputOf<"attention">["needs"][number];

export function attention({ needs, more }: OutputOf<"attention">, screen: Screen, now: number): string {
  if (needs.length === 0) return "Nothing needs you.\n";
  const rows = needs.map((need) => [
    { text: need.kind, style: styles[need.kind] },
    sentence(need),
    need.deadline === undefined ? span(now - need.at) : `${span(need.deadline - now)} left`,
    need.what ?? need.detail,
    next[need.kind](need),
  ]);
  return table(screen, COLUMNS, rows) + (more > 0 ? `and ${more} more: cct attention --limit 200\n` : "");
}

const COLUMNS = [
  "KIND",
  { heading: "WHAT", least: 24 },
  "AGE",
  { heading: "DETAIL", least: 16 },
  { heading: "NEXT", least: 16, optional: 1 },
];

/** What waits for somebody is yellow, what went wrong red. */
const styles: Record<Need["kind"], Style> = {
  blocked: "yellow",
  vote: "yellow",
  question: "yellow",
  held: "yellow",
  dead: "red",
  guard: "red",
  nohook: "red",
  service: "red",
};

function sentence(need: Need): string {
  const { votes } = need;
  return votes ? `${needSentence(need)} ${votes.yes} of ${votes.needed} needed said yes` : needSentence(need);
}

const next: Record<Need["kind"], (need: Need) => string> = {
  // Only its own terminal can answer.
  blocked: ({ what, detail }) => (what === undefined ? "" : detail),
  vote: ({ proposal_id = "" }) => `cct release decide ${proposal_id.slice(0, 8)} passed|rejected`,
  question: ({ message_id = "" }) => `cct inbox reply ${message_id.slice(-8)} <text>`,
  held: () => "cct held",
  dead: () => "cct messages --dead",
  guard: ({ name }) => `cct messages --peer ${name}`,
  nohook: () => "cct doctor",
  service: () => "cct service list",
};

export const dismissed = ({ need_id, listed }: OutputOf<"dismiss_need">): string =>
  listed ? `${need_id} is listed again, if its cause is still there.\n` : `${need_id} is put aside.\n`;
