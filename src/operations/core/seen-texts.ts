/** A Bloom filter of sent texts: it may take a new one for a known one, never a known one for a new one. */

/** Bits of one filter, and how many of them a text sets. With 400,000 texts, about one in 2,000 new ones looks known. */
const BITS = 2 ** 23;
const BITS_OF_TEXT = 5;

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
      const [first, step] = hashesOf(parts);
      for (let i = 0; i < BITS_OF_TEXT; i++) set((first + i * step) & (BITS - 1));
    },
    mayHave(...parts) {
      if (isEmpty) return false;
      const [first, step] = hashesOf(parts);
      for (let i = 0; i < BITS_OF_TEXT; i++) if (!has((first + i * step) & (BITS - 1))) return false;
      return true;
    },
    clear() {
      if (isEmpty) return;
      words.fill(0);
      isEmpty = true;
    },
  };
}

/**
 * Two fast hashes of 32 bits, the first of them FNV-1a. The first bit of a text is the first, and the second leads from one bit to the
 * next. A collision only makes the exact query run.
 */
function hashesOf(parts: Parts): [first: number, step: number] {
  let a = 0x811c9dc5;
  let b = 0x01234567;
  for (const part of parts)
    for (let i = 0; i < part.length; i++) {
      const code = part.charCodeAt(i);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x5bd1e995) ^ (b >>> 15);
    }
  // Odd, so that a step leads to another bit.
  return [a ^ (a >>> 15), (b ^ (b >>> 13)) | 1];
}
