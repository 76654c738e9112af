/** What a restore did. */
export interface Restored {
  /** The database that was replaced; `undefined` if there was none. */
  kept: string | undefined;
  /** Size in bytes of the database that is in place now. */
  bytes: number;
  /** The number of the newest migration in it. */
  schema: number;
}
