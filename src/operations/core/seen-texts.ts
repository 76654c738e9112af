/** A Bloom filter of sent texts: it may take a new one for a known one, never a known one for a new one. */

/**
 * Bits of one filter, and how many of them a text sets. With 275,000 texts fewer than one in 100,000 new ones look known, with 400,000
 * about one in 20,000. More bits of a text would fill the filter sooner.
 */
const BITS = 2 ** 23;
const BITS_OF_TEXT = 10;

/** Two hashes of a text with its sender and the peer or pool that it went to. */
export interface TextKey {
  /** The first bit of the text. */
  first: number;
  /** Leads from one bit to the next. */
  step: number;
}

export interface SeenTexts {
  add(key: TextKey): void;
  mayHave(key: TextKey): boolean;
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
    add({ first, step }) {
      isEmpty = false;
      for (let i = 0; i < BITS_OF_TEXT; i++) set((first + i * step) & (BITS - 1));
    },
    mayHave({ first, step }) {
      if (isEmpty) return false;
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

/** Fast hashes of 32 bits, the first of them FNV-1a. A collision only makes the exact query run. */
export function textKey(fromId: string, target: string, text: string): TextKey {
  let a = 0x811c9dc5;
  let b = 0x01234567;
  for (const part of [fromId, target, text])
    for (let i = 0; i < part.length; i++) {
      const code = part.charCodeAt(i);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x5bd1e995) ^ (b >>> 15);
    }
  // Odd, so that a step leads to another bit.
  return { first: a ^ (a >>> 15), step: (b ^ (b >>> 13)) | 1 };
}
