import { CctError } from "../../src/platform/errors.ts";

/** The `CctError` that `work` throws; fails when it throws nothing, or anything else. */
export function thrownBy(work: () => unknown): CctError {
  try {
    work();
  } catch (error) {
    if (error instanceof CctError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The same for work that takes time. */
export async function rejectedBy(work: Promise<unknown>): Promise<CctError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof CctError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
