/** Moving all data from one database to another: what both ends agree upon. */

/** The databases there are: the file in the home, and the one that `database_url` names. */
export const stores = ["sqlite", "postgres"] as const;
export type StoreKind = (typeof stores)[number];

export interface MovedTable {
  name: string;
  rows: number;
  /** SHA-256 of its rows in the order of their keys. */
  checksum: string;
}

export interface Move {
  from: StoreKind;
  to: StoreKind;
  /** Only read the source. */
  dryRun: boolean;
  /** At the end, let the home's configuration name the database that the data is in now. */
  use: boolean;
  /** Called after each batch. */
  report(progress: MoveProgress): void;
  /** Asked before each batch. */
  stopped(): boolean;
}

export interface MoveProgress {
  doing: "reading" | "clearing" | "writing" | "checking";
  /** Rows of this step that are done, of how many; reading does not know yet. */
  rows: number;
  of?: number;
}

export interface Moved {
  /** Where the two databases are, for people. */
  from: string;
  to: string;
  tables: MovedTable[];
}

/**
 * A row's values as one text: the same for the same values, and no other's. A number counts as its digits, since drivers do
 * not agree on which of the two they answer with.
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
