/**
 * Several statements in one round trip, for `pg`, which by itself waits for each answer before it sends the next statement.
 * They are sent together with one Sync at the end (extended query protocol), so after an error the server skips the rest.
 * Like pg's own cursors, it is an object that pg submits and hands the answers to.
 */
import pg from "pg";
import type { Row, Value } from "../store.ts";

export interface Statement {
  /** Each connection prepares a named statement once. */
  name: string;
  text: string;
  values: readonly Value[];
  /** Whether it returns rows. */
  isRead: boolean;
}

interface Column {
  name: string;
  parse(text: string): Value;
}

/** What pg remembers of a connection: the text of each named statement that the server has parsed. */
type Connection = pg.Connection & { parsedStatements: Record<string, string> };

/** The columns of prepared statements. The server refuses to run one whose columns have changed. */
const columnsOf = new WeakMap<pg.Connection, Map<string, Column[]>>();

type Callback = (error: Error | null, results?: Row[][]) => void;

/** Sends the statements and resolves to the rows of each. After `timeoutMs` (0: never) the connection must be discarded. */
export function runBatch(client: pg.ClientBase, statements: readonly Statement[], timeoutMs: number): Promise<Row[][]> {
  return new Promise((resolve, reject) => {
    client.query(new Batch(statements, timeoutMs, (error, results = []) => (error ? reject(error) : resolve(results))));
  });
}

/** The names of its methods and of `query_timeout` and `callback` are pg's. */
class Batch implements pg.Submittable {
  readonly query_timeout: number;
  /** pg replaces it by one that also ends the timeout. */
  callback: Callback;
  readonly #statements: readonly Statement[];
  readonly #results: Row[][] = [];
  #rows: Row[] = [];
  #known = new Map<string, Column[]>();
  #columns: Column[] | undefined;

  constructor(statements: readonly Statement[], timeoutMs: number, callback: Callback) {
    this.#statements = statements;
    this.query_timeout = timeoutMs;
    this.callback = callback;
  }

  /** The statement whose answer is awaited: pg records under this name that it is parsed. */
  get name(): string {
    return this.#statement?.name ?? "";
  }

  get text(): string {
    return this.#statement?.text ?? "";
  }

  get #statement(): Statement | undefined {
    return this.#statements[this.#results.length];
  }

  submit(connection: pg.Connection): void {
    const { parsedStatements } = connection as Connection;
    const known = columnsOf.get(connection) ?? new Map<string, Column[]>();
    columnsOf.set(connection, known);
    this.#known = known;
    const parsed = new Set<string>();
    connection.stream.cork();
    try {
      for (const { name, text, values, isRead } of this.#statements) {
        if (name === "" || (parsedStatements[name] === undefined && !parsed.has(name)))
          connection.parse({ name, text, types: [] }, true);
        parsed.add(name);
        connection.bind({ statement: name, values: values.map(toText) }, true);
        if (isRead && !known.has(name)) connection.describe({ type: "P" }, true);
        connection.execute(null, true);
      }
      connection.sync();
    } finally {
      connection.stream.uncork();
    }
  }

  handleRowDescription({ fields }: { fields: pg.FieldDef[] }): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({ name, parse: pg.types.getTypeParser(dataTypeID, "text") }));
    if (this.name !== "") this.#known.set(this.name, this.#columns);
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    this.#columns ??= this.#known.get(this.name) ?? [];
    const row: Row = {};
    for (const [i, { name, parse }] of this.#columns.entries()) {
      const field = fields[i];
      row[name] = field === null || field === undefined ? null : parse(field);
    }
    this.#rows.push(row);
  }

  handleCommandComplete(): void {
    this.#results.push(this.#rows);
    this.#rows = [];
    this.#columns = undefined;
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete();
  }

  handleReadyForQuery(): void {
    this.callback(null, this.#results);
  }

  handleError(error: Error): void {
    this.callback(error);
  }
}

const toText = (value: Value): string | null => (value === null ? null : String(value));
