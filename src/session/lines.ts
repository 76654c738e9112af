/** Splits standard input into lines, with a bound: of a line that is too long only its ends are kept. */

/** As much as the official SDK takes. A message text has 64 KiB. */
const MAX_LINE_BYTES = 10 * 1024 * 1024;
/** Enough to find a request's id, which stands at one of the ends. */
const END_BYTES = 1_024;

/** A line without its line feed, or the two ends of one that is too long. */
export type Line = { text: string } | { head: string; tail: string };

/** Returns a function that takes the next bytes and returns the lines that are complete now. */
export function createLines(maxBytes = MAX_LINE_BYTES): (chunk: Buffer) => Line[] {
  let parts: Buffer[] = [];
  let bytes = 0;
  let head: string | undefined;

  function add(part: Buffer): void {
    parts.push(part);
    bytes += part.length;
    if (bytes <= maxBytes) return;
    const all = Buffer.concat(parts);
    head ??= all.toString("utf8", 0, END_BYTES);
    parts = [all.subarray(-END_BYTES)];
    bytes = maxBytes;
  }

  function take(): Line {
    const text = Buffer.concat(parts).toString("utf8").replace(/\r$/, "");
    const line = head === undefined ? { text } : { head, tail: text.slice(-END_BYTES) };
    [parts, bytes, head] = [[], 0, undefined];
    return line;
  }

  return (chunk) => {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      add(chunk.subarray(start, end));
      lines.push(take());
      start = end + 1;
    }
    add(chunk.subarray(start));
    return lines;
  };
}

/**
 * The id of a request of which only the ends are known: a member of the outermost object, so the first or second member, or
 * the last one.
 */
export function idAtTheEnds(head: string, tail: string): string | number | undefined {
  const id = '"id"\\s*:\\s*(-?\\d+|"[^"\\\\]{0,200}")';
  const first = new RegExp(`^\\s*\\{\\s*(?:"jsonrpc"\\s*:\\s*"2\\.0"\\s*,\\s*)?${id}\\s*,`).exec(head);
  const last = new RegExp(`,\\s*${id}\\s*(?:,\\s*"jsonrpc"\\s*:\\s*"2\\.0"\\s*)?\\}\\s*$`).exec(tail);
  const found = first?.[1] ?? last?.[1];
  return found === undefined ? undefined : JSON.parse(found);
}
