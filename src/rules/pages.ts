/**
 * Pages of long messages, for answers of tools: hosts cut or put away long results, and a message counts as read only when
 * its last page was shown.
 */

/** With quotes and escapes it stays below what hosts show of one result. */
export const PAGE_CHARACTERS = 16_000;
/** A page ends at a line's end if there is one in this last part of it. */
const SEARCHED = 4_000;

/** The pages of a text. Together they are the text. */
export function pagesOf(text: string): string[] {
  const pages: string[] = [];
  let start = 0;
  while (text.length - start > PAGE_CHARACTERS) {
    const end = endOfPage(text, start + PAGE_CHARACTERS);
    pages.push(text.slice(start, end));
    start = end;
  }
  return [...pages, text.slice(start)];
}

function endOfPage(text: string, limit: number): number {
  const line = text.lastIndexOf("\n", limit - 1) + 1;
  if (line > limit - SEARCHED) return line;
  // Never between the halves of a character.
  return /[\ud800-\udbff]/.test(text.charAt(limit - 1)) ? limit - 1 : limit;
}
