/** A memory budget that several callers share: each has a share of it, so one cannot shut the others out. */
import { hasShare, memoryShare } from "../../rules/shares.ts";

export interface MemoryBudget {
  /** Whether `payer` may use more now. */
  allows(payer: string): boolean;
  /** Takes bytes, or with a negative number gives them back. */
  take(payer: string, bytes: number): void;
}

export function createMemoryBudget(limit: number): MemoryBudget {
  const share = memoryShare(limit);
  const by = new Map<string, number>();
  let all = 0;
  return {
    allows: (payer) => hasShare({ all, own: by.get(payer) ?? 0 }, share),
    take(payer, bytes) {
      all += bytes;
      const own = (by.get(payer) ?? 0) + bytes;
      if (own === 0) by.delete(payer);
      else by.set(payer, own);
    },
  };
}
