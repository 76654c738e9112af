/** Adapts the common SQL of `store.ts` to PostgreSQL: prepared statements, collation, placeholders. */
import type pg from "pg";
import { bindable, type Value } from "../store.ts";

/** Prepared statements per connection. Texts vary with the length of lists, so their number must be bounded. */
const MAX_PREPARED = 400;

/** Returns a function that converts a statement into a named query, which each connection prepares once. */
export function queryBuilder(): (text: string, values: readonly Value[]) => pg.QueryConfig {
  const known = new Map<string, { text: string; name?: string; order: number[] }>();
  return (text, values) => {
    let statement = known.get(text);
    if (!statement) {
      const name = known.size < MAX_PREPARED ? { name: `s${known.size}` } : {};
      statement = { ...renumberPlaceholders(withCollation(text)), ...name };
      if (known.size < MAX_PREPARED) known.set(text, statement);
    }
    return {
      ...(statement.name !== undefined && { name: statement.name }),
      text: statement.text,
      values: statement.order.map((i) => bindable(values[i])),
      // Migrations run without a timeout: building a large index takes long.
      ...(isSchemaChange(text) && { query_timeout: 0 }),
    };
  };
}

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
