export interface Run {
  folder: string;
  /** Kills and removes what is left; answers with it. */
  end(): Promise<string[]>;
}

export function beginRun(): Run | undefined;
