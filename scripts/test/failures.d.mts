export interface Failure {
  where: string;
  error: readonly string[];
}

export function closingLines(failures: readonly Failure[]): string[];
