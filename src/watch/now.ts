/** The first view: what needs the person, and below it the sessions by machine and repository. */
import { asksForMail, shownName } from "../rules/agents.ts";
import { presenceWords, repoOf } from "../rules/texts/people.ts";
import { type Item, MARGIN } from "./list.ts";
import { columnsOf, line, named, type Piece, piece, type Row, spread } from "./rows.ts";
import { type State, sorted } from "./state.ts";
import { wrapped } from "./text.ts";
import { ageOf, detailOf, GLYPHS, type Need, type Peer, partsOf, sentence, toneOf } from "./words.ts";

/** Sessions that are away for longer are folded into one line. */
const FOLD_MS = 24 * 3_600_000;
export const FOLD = "fold";

export const needItem = ({ need_id }: Need): string => `need:${need_id}`;
const peerItem = (id: string): string => `peer:${id}`;

export const needChosen = ({ needs }: State, item: string | undefined): Need | undefined =>
  needs.find((need) => needItem(need) === item);

export const peerChosen = ({ peers }: State, item: string | undefined): Peer | undefined =>
  item?.startsWith("peer:") ? peers.get(item.slice("peer:".length)) : undefined;

export function nowItems(state: State, columns: number): Item[] {
  const width = columns - MARGIN;
  return [...needItems(state, width), ...sessionItems(state, width)];
}

const MARKS: Record<"amber" | "red", string> = { amber: "!", red: "✗" };

function needItems(state: State, width: number): Item[] {
  const { filter, needs, moreNeeds, now } = state;
  const wanted = filter.text.text.toLowerCase();
  const items = needs
    .filter((need) => `${sentence(need)} ${detailOf(need)}`.toLowerCase().includes(wanted))
    .map((need): Item => {
      const tone = toneOf(need);
      const [age, ageTone] = ageOf(need, now);
      const head: Piece[] = [
        piece(`${MARKS[tone === "red" ? "red" : "amber"]} `, tone),
        ...partsOf(need).map((part) => (typeof part === "string" ? piece(part, "strong") : named(part.name, "strong"))),
      ];
      const rows: Row[] = [spread(head, [piece(age, ageTone)], width), line([piece(detailOf(need))], width - 2, 2)];
      return { id: needItem(need), rows };
    });
  if (moreNeeds > 0) items.push({ rows: [line([piece(`and ${moreNeeds} more: cct attention --limit 200`)], width)] });
  return items.length === 0 ? [] : [...items, { rows: [[]] }];
}

function matches(peer: Peer, text: string): boolean {
  const words = `${shownName(peer)} ${repoOf(peer)} ${peer.host} ${peer.branch ?? ""} ${peer.summary} ${peer.presence}`;
  return words.toLowerCase().includes(text.toLowerCase());
}

const isLongAway = (peer: Peer, now: number): boolean =>
  peer.presence === "offline" && peer.waiting === 0 && now - peer.last_seen > FOLD_MS;

function sessionItems(state: State, width: number): Item[] {
  const { peers, filter, isUnfolded, now } = state;
  const text = filter.text.text;
  const found = sorted(peers.values()).filter((peer) => matches(peer, text));
  const hidesAway = text === "" && !isUnfolded;
  const listed = hidesAway ? found.filter((peer) => !isLongAway(peer, now)) : found;
  const items: Item[] = [];
  let place = "";
  for (const peer of listed) {
    const here = `${peer.host} / ${repoOf(peer)}`;
    if (here !== place) items.push({ rows: [line([piece(here, "quiet")], width)] });
    place = here;
    items.push({ id: peerItem(peer.peer_id), rows: [peerRow(peer, width, now)] });
  }
  const folded = found.length - listed.length;
  if (folded > 0)
    items.push({ id: FOLD, rows: [line([piece(`${folded} offline for more than a day`, "quiet")], width)] });
  if (items.length > 0) return items;
  return (peers.size === 0 ? EMPTY : [`No session matches '${text}'.`]).map((words) => ({
    rows: wrapped(words, width).map((part) => line([piece(part)], width)),
  }));
}

const EMPTY = [
  "No sessions yet.",
  "1. Install CCT into your agents:  cct up",
  "2. Start one in two terminals: claude, qwen or codex.",
  "3. Ask one of them to write to the other.",
  "Any other agent: make cct mcp --host <its name> one of its MCP servers.",
  "They appear here by themselves.",
  "If they do not: cct doctor. To look first: cct demo",
];

/** The state of a session whose hooks do not take its mail. */
const HOOKS: Record<NonNullable<Peer["hooks"]>, string> = {
  live: "",
  quiet: "no live hook",
  unwritable: "its machine cannot write mail",
  unserved: "its session server is gone",
};

/** Empty also for one that asks for its mail, without hooks. */
export const hooksText = (peer: Peer): string =>
  peer.hooks === undefined || asksForMail(peer) ? "" : HOOKS[peer.hooks];

/** `api (codex)` */
export const namePieces = ({ name, agent }: Peer): Piece[] => [
  named(name, "strong"),
  ...(agent === undefined ? [] : [piece(` (${agent})`, "quiet")]),
];

function peerRow(peer: Peer, width: number, now: number): Row {
  const [glyph, tone] = GLYPHS[peer.presence];
  const name = Math.min(24, Math.max(12, Math.floor(width * 0.21)));
  const state = Math.min(30, Math.max(14, Math.floor(width * 0.32)));
  const mail = peer.waiting > 0 ? `${peer.waiting > 99 ? "99+" : peer.waiting} waiting` : "";
  const hooks = hooksText(peer);
  const doing: Piece[] = [
    ...(peer.muted ? [piece("muted ", "amber")] : []),
    ...(hooks === "" ? [] : [piece(`${hooks} `, "red")]),
    piece(peer.summary || "no summary yet", peer.summary ? undefined : "quiet"),
  ];
  const left = 2 + name + 1 + state + 1;
  return [
    ...columnsOf([
      [[piece(glyph, tone)], 1],
      [namePieces(peer), name],
      [[piece(presenceWords(peer, now), tone)], state],
    ]),
    ...spread(doing, mail === "" ? [] : [piece(mail, "amber")], Math.max(0, width - left), left),
  ];
}
