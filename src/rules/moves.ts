/** Types and the row encoding for moves of all data between databases, shared by `transfer` and the CLI. */

/** `sqlite`: the file in the home. `postgres`: the database at `database_url`. */
export const stores = ["sqlite", "postgres"] as const;
export type StoreKind = (typeof stores)[number];

export interface MovedTable {
  name: string;
  rows: number;
  /** SHA-256 of the rows, ordered by key. */
  checksum: string;
}

export interface Move {
  from: StoreKind;
  to: StoreKind;
  /** Read the source, change nothing. */
  dryRun: boolean;
  /** Point the home's configuration at the target afterwards. */
  use: boolean;
  /** Called after each batch. */
  report(progress: MoveProgress): void;
  /** Checked before each batch; true aborts the move. */
  stopped(): boolean;
}

export interface MoveProgress {
  doing: "reading" | "clearing" | "writing" | "checking";
  /** Rows done in this step, and the total if it is known. */
  rows: number;
  of?: number;
}

export interface Moved {
  /** Display names of the databases. */
  from: string;
  to: string;
  tables: MovedTable[];
}

/**
 * Encodes a row for the checksum, unambiguously (length-prefixed). Numbers and their digits as text encode alike, because
 * the drivers differ in which of the two they return.
 */
export function rowText(values: readonly (string | number | null)[]): string {
  let text = "";
  for (const value of values) {
    if (value === null) text += "-";
    else {
      const written = String(value);
      text += `${written.length}:${written}`;
    }
  }
  return `${text}\n`;
}
