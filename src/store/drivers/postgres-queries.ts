/** Adapts the common SQL of `store.ts` to PostgreSQL: prepared statements, collation, placeholders. */
import { inDialect } from "../dialect.ts";
import { bindable, type Value } from "../store.ts";
import type { Statement } from "./postgres-batch.ts";

/** Prepared statements per connection. Texts vary with the length of lists, so their number must be bounded. */
const MAX_PREPARED = 400;

/** Returns a function that converts SQL into a statement, which each connection prepares once. */
export function statementBuilder(): (text: string, values: readonly Value[]) => Statement {
  const known = new Map<string, Omit<Statement, "values"> & { order: number[] }>();
  return (written, values) => {
    let prepared = known.get(written);
    if (!prepared) {
      const text = inDialect(written, "postgres");
      const name = known.size < MAX_PREPARED ? `s${known.size}` : "";
      prepared = { ...renumberPlaceholders(withCollation(text)), name, isRead: !isWrite(text) };
      if (name !== "") known.set(written, prepared);
    }
    const { order, ...statement } = prepared;
    return { values: order.map((i) => bindable(values[i])), ...statement };
  };
}

/** Of a statement that adds rows and changes no others: the table that gets them, and those that it reads. */
export interface Insert {
  into: string;
  reads: string[];
}

export function insertOf(text: string): Insert | undefined {
  const into = /^\s*INSERT\s+INTO\s+(\w+)/i.exec(text)?.[1];
  if (into === undefined || /\b(?:CONFLICT|RETURNING)\b/i.test(text)) return undefined;
  const reads = [...text.matchAll(/\b(?:FROM|JOIN)\s+(\w+)/gi)].flatMap(([, table]) => table?.toLowerCase() ?? []);
  // One that reads, but not in this simple form, is not understood.
  if (reads.length === 0 && /\bSELECT\b/i.test(text)) return undefined;
  return { into: into.toLowerCase(), reads };
}

/** A statement that returns no rows. */
export const isWrite = (text: string): boolean =>
  isSchemaChange(text) || (/^\s*(?:INSERT|UPDATE|DELETE)\s/i.test(text) && !/\bRETURNING\b/i.test(text));

const isSchemaChange = (text: string): boolean => /^\s*(?:CREATE|ALTER|DROP)\s/i.test(text);

/** Compares text by code points, as SQLite does, independent of the database's collation: id prefixes depend on it. */
const withCollation = (text: string): string =>
  isSchemaChange(text) ? text.replace(/\bTEXT\b/g, 'TEXT COLLATE "C"') : text;

/** Renumbers the placeholders without gaps: PostgreSQL cannot infer the type of an unused one. */
function renumberPlaceholders(text: string): { text: string; order: number[] } {
  const order: number[] = [];
  const renumbered = text.replace(/\$(\d+)/g, (_, n) => {
    const index = Number(n) - 1;
    if (!order.includes(index)) order.push(index);
    return `$${order.indexOf(index) + 1}`;
  });
  return { text: renumbered, order };
}
