/** Words for the shell. */

/** Quotes a text as one word for the shell. */
export const shellWord = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
