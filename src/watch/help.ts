/** The keys, as the help shows them. */
import { columnsOf, line, piece, type Row } from "./rows.ts";

const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ["1 2", "views: Now (what needs you, and the sessions), Talk (conversations)"],
  ["j k ↓ ↑", "next, previous. PgDn, PgUp, g, G: a page, the first, the last"],
  ["Enter", "open; show a long message in full"],
  ["Esc", "back, close"],
  [
    "a x",
    "first and second action of what needs you; they stand at the foot. What cannot be taken back is asked first",
  ],
  ["e", "dismiss what needs you, until there is more of it"],
  ["u", "take the last action back, for some seconds"],
  ["r", "reply to the chosen message or question"],
  ["c", "write: to the chosen session, in the conversation, or to anybody"],
  ["o", "open a text that was not sent"],
  ["t", "the conversation with the chosen session"],
  ["m", "mute or unmute the chosen session: what it sends is held"],
  ["p", "pause or resume a pool"],
  ["[ ]", "previous, next conversation"],
  ["/", "filter the list"],
  ["q", "quit, and so does Ctrl-C. Ctrl-L paints the screen again"],
];

export function helpRows(columns: number): Row[] {
  const keys = 9;
  return [
    line([piece("Keys", "strong")], columns),
    ...KEYS.map(([key, does]) =>
      columnsOf([
        [[piece(key, "accent")], keys],
        [[piece(does)], columns - keys - 1],
      ]),
    ),
    line([piece("For programs: cct attention --json, cct overview --json, cct tail --json", "quiet")], columns),
  ];
}
