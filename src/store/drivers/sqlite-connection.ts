/** Opens an SQLite file with the driver that this Node has, and caches prepared statements. */
import { createRequire } from "node:module";
import { CctError } from "../../platform/errors.ts";
import { inDialect } from "../dialect.ts";
import { bindable, type Row, type Value } from "../store.ts";
import { storeError } from "./sqlite-errors.ts";
import { createRowMemory } from "./sqlite-memory.ts";

/** Texts vary with the length of lists; above this number the cache is cleared. */
const CACHED_STATEMENTS = 400;

/** The common part of the two drivers. */
export interface Connection {
  /** Prepares a statement; the function takes its values in the order of the placeholders. */
  prepare(text: string): (values: Value[]) => Row[];
  close(): void;
}

export async function connect(path: string): Promise<Connection> {
  try {
    return await openConnection(path);
  } catch (error) {
    const known = storeError(error, path);
    if (known instanceof CctError) throw known;
    // Each driver words this differently, and without a code.
    throw new CctError(
      "store_failed",
      `${path} cannot be opened.`,
      "Check that it is a file, its owner, its mode and the disk.",
    );
  }
}

/** `node:sqlite` where the runtime has it (22.13 and later), otherwise `libsql`. */
async function openConnection(path: string): Promise<Connection> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 13)) {
    const { DatabaseSync } = await withoutExperimentalWarning(() => import("node:sqlite"));
    const database = new DatabaseSync(path);
    return {
      prepare(text) {
        const statement = database.prepare(text);
        return (values) => statement.all(...values) as Row[];
      },
      close: () => database.close(),
    };
  }
  const require = createRequire(import.meta.url);
  let Database: new (path: string) => LibsqlDatabase;
  try {
    Database = require("libsql");
  } catch (error) {
    throw new CctError(
      "store_failed",
      `SQLite is not available on Node ${process.versions.node}: the optional package 'libsql' could not be loaded (${error instanceof Error ? error.message.split("\n")[0] : error}).`,
      "Use Node 22.13 or later, or install CCT with optional dependencies.",
    );
  }
  const database = new Database(path);
  return {
    prepare(text) {
      const statement = database.prepare(text);
      // As one array: libsql takes a single null argument for missing values.
      if (statement.reader) return readerOf(statement, text);
      return (values) => {
        // Half the cost of `all` when there are no rows.
        statement.run(values);
        return [];
      };
    },
    close: () => database.close(),
  };
}

interface LibsqlDatabase {
  prepare(text: string): LibsqlStatement;
  close(): void;
}

interface LibsqlStatement {
  /** It returns rows. */
  reader: boolean;
  /** From now on its rows are arrays of values. */
  raw(): unknown;
  columns(): { name: string }[];
  all(values: Value[]): unknown[];
  get(values: Value[]): unknown;
  run(values: Value[]): unknown;
}

/**
 * Reads rows. libsql takes half as long for arrays as for objects, and a third for `get` of the only row. The columns of `*` may
 * change while the statement is cached.
 */
function readerOf(statement: LibsqlStatement, text: string): (values: Value[]) => Row[] {
  if (/(SELECT|RETURNING) \*/.test(text)) return (values) => statement.all(values) as Row[];
  statement.raw();
  const names = statement.columns().map(({ name }) => name);
  const toRow = (cells: Value[]): Row => {
    const row: Row = {};
    for (const [i, name] of names.entries()) row[name] = cells[i] ?? null;
    return row;
  };
  if (!/ LIMIT 1$/.test(text)) return (values) => (statement.all(values) as Value[][]).map(toRow);
  return (values) => {
    const cells = statement.get(values) as Value[] | undefined;
    return cells ? [toRow(cells)] : [];
  };
}

async function withoutExperimentalWarning<T>(load: () => Promise<T>): Promise<T> {
  const emit = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return await load();
  } finally {
    process.emitWarning = emit;
  }
}

/** Returns a function that runs statements and prepares each once. `$n` becomes `?`, which both drivers bind alike. */
export function statementCache(connection: Connection): (text: string, values?: readonly Value[]) => Row[] {
  const cache = new Map<string, { run: (values: Value[]) => Row[]; order: number[] }>();
  const memory = createRowMemory();
  return (text, values = []) => {
    let prepared = cache.get(text);
    if (!prepared) {
      const order: number[] = [];
      const plain = inDialect(text, "sqlite").replace(/\$(\d+)/g, (_, n) => {
        order.push(Number(n) - 1);
        return "?";
      });
      if (cache.size >= CACHED_STATEMENTS) {
        cache.clear();
        memory.clear();
      }
      prepared = { run: memory.around(text, plain === "" ? () => [] : connection.prepare(plain)), order };
      cache.set(text, prepared);
    }
    // libsql aborts the process on a value of an unknown type.
    const { order, run } = prepared;
    const bound: Value[] = [];
    for (const i of order) bound.push(bindable(values[i]));
    return run(bound);
  };
}
