/** What is hidden in a text, by name: a reader must see everything that a model sees. */
import { HIDDEN } from "./text.ts";

const NAMES: Record<number, string> = {
  7: "BEL",
  27: "ESC",
  173: "SHY",
  8203: "ZWSP",
  8204: "ZWNJ",
  8205: "ZWJ",
  8206: "LRM",
  8207: "RLM",
  8234: "LRE",
  8235: "RLE",
  8236: "PDF",
  8237: "LRO",
  8238: "RLO",
  8294: "LRI",
  8295: "RLI",
  8296: "FSI",
  8297: "PDI",
  65279: "BOM",
};

/** A piece of a text: as it is, or a hidden character by its name. */
export type Piece = { text: string } | { hidden: string };

export function pieces(text: string): Piece[] {
  const out: Piece[] = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(HIDDEN)) {
    if (index > from) out.push({ text: text.slice(from, index) });
    out.push({ hidden: nameOf(found) });
    from = index + found.length;
  }
  if (from < text.length) out.push({ text: text.slice(from) });
  return out;
}

function nameOf(found: string): string {
  const code = found.codePointAt(0) ?? 0;
  if (code === 27 && found.length > 1) return `ESC${found.slice(1)}`;
  return NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}
