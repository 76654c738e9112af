/** What is known of one thing: a session, or something that needs the person. */

import { span } from "../rules/text.ts";
import { expectedOf } from "../rules/texts/before-sending.ts";
import { presenceWords } from "../rules/texts/people.ts";
import { waitsFor } from "../rules/waits-for.ts";
import { hooksText, namePieces, needChosen, peerChosen } from "./now.ts";
import { line, type Piece, piece, type Row } from "./rows.ts";
import type { State } from "./state.ts";
import { wrapped } from "./text.ts";
import { ageOf, detailOf, GLYPHS, hhmm, type Need, type Peer, sentence, toneOf } from "./words.ts";

const paragraph = (text: string, columns: number, tone?: Piece["tone"]): Row[] =>
  (text === "" ? [] : wrapped(text, columns)).map((words) => line([piece(words, tone)], columns));

/** A name and a value, which may take several rows. */
function fact(name: string, value: string, columns: number): Row[] {
  const indent = 12;
  return wrapped(value, Math.max(10, columns - indent)).map((text, i) => [
    ...(i === 0 ? line([piece(name, "quiet")], indent - 1) : []),
    ...line([piece(text)], columns - indent, indent),
  ]);
}

/** Of what is chosen in the first view. */
export function detailRows(state: State, item: string | undefined, columns: number): Row[] {
  const need = needChosen(state, item);
  const peer = peerChosen(state, item);
  if (peer) return peerRows(state, peer, columns);
  return need ? needRows(state, need, columns) : [];
}

function needRows(state: State, need: Need, columns: number): Row[] {
  const [age] = ageOf(need, state.now);
  const peer = need.peer_id === undefined ? undefined : state.peers.get(need.peer_id);
  return [
    ...paragraph(sentence(need), columns, toneOf(need)),
    ...paragraph(detailOf(need), columns),
    [],
    ...fact("Since", hhmm(need.at), columns),
    ...(need.deadline === undefined ? [] : fact("Time", age, columns)),
    ...(peer ? [[], ...peerRows(state, peer, columns)] : []),
  ];
}

function peerRows(state: State, peer: Peer, columns: number): Row[] {
  const { now } = state;
  const [glyph, tone] = GLYPHS[peer.presence];
  const pools = state.pools.filter(({ pool_id }) => peer.pools.includes(pool_id)).map(({ name }) => `@${name}`);
  const hooks = hooksText(peer);
  return [
    line([piece(`${glyph} `, tone), ...namePieces(peer), piece(`  ${presenceWords(peer, now)}`, tone)], columns),
    ...(peer.presence === "blocked"
      ? [
          ...paragraph(`It ${Object.values(waitsFor(peer.blocked_on?.tool)).join(" ")}.`, columns, "amber"),
          ...paragraph(peer.blocked_on?.what ?? "", columns),
          ...paragraph("Only its own terminal can say yes: at the machine and directory below.", columns, "amber"),
        ]
      : []),
    ...(hooks === "" ? [] : paragraph(`Its mail does not arrive by itself: ${hooks}.`, columns, "red")),
    ...(peer.muted
      ? paragraph(
          `Muted: what it sends is held${peer.muted.until ? ` until ${hhmm(peer.muted.until)}` : ""}.`,
          columns,
          "amber",
        )
      : []),
    ...paragraph(peer.summary || "It has not said what it does.", columns),
    [],
    ...fact("Machine", peer.host, columns),
    ...fact("Directory", peer.cwd, columns),
    ...fact("Branch", peer.branch ?? "none", columns),
    ...fact("Pools", pools.length === 0 ? "none" : pools.join(", "), columns),
    ...fact("Mail", peer.waiting === 0 ? "none waits" : `${peer.waiting} waiting`, columns),
    ...(peer.took_at === undefined ? [] : fact("Took mail", `${span(now - peer.took_at)} ago`, columns)),
    ...fact("Id", peer.peer_id, columns),
    [],
    ...paragraph(`If you write: ${expectedOf(peer, "normal", now)}.`, columns, "quiet"),
  ];
}
