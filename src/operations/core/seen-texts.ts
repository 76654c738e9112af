/** A Bloom filter of sent texts: it may take a new one for a known one, never a known one for a new one. */

/** Bits of one filter. With 200,000 texts, one in 400 new ones looks known. */
const BITS = 2 ** 23;

/** A text with its sender and the peer or pool that it went to. */
type Parts = readonly [fromId: string, target: string, text: string];

export interface SeenTexts {
  add(...parts: Parts): void;
  mayHave(...parts: Parts): boolean;
  clear(): void;
}

export function createSeenTexts(): SeenTexts {
  const words = new Uint32Array(BITS / 32);
  let isEmpty = true;
  const has = (bit: number): boolean => ((words[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
  function set(bit: number): void {
    words[bit >>> 5] = (words[bit >>> 5] ?? 0) | (1 << (bit & 31));
  }
  return {
    add(...parts) {
      isEmpty = false;
      for (const bit of bitsOf(parts)) set(bit);
    },
    mayHave: (...parts) => !isEmpty && bitsOf(parts).every(has),
    clear() {
      if (isEmpty) return;
      words.fill(0);
      isEmpty = true;
    },
  };
}

/** The positions of a text's two bits: two fast hashes, the first of them FNV-1a. A collision only makes the exact query run. */
function bitsOf(parts: Parts): [number, number] {
  let a = 0x811c9dc5;
  let b = 0x01234567;
  for (const part of parts)
    for (let i = 0; i < part.length; i++) {
      const code = part.charCodeAt(i);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x5bd1e995) ^ (b >>> 15);
    }
  return [(a ^ (a >>> 15)) & (BITS - 1), (b ^ (b >>> 13)) & (BITS - 1)];
}
