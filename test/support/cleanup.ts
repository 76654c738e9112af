/** What a test file makes (folders, processes, connections) is gone when the file ends: each thing undone by its maker. */
const undo: (() => unknown)[] = [];

/** Runs `work` when the test file ends; what was made last is undone first. */
export function atEnd(work: () => unknown): void {
  undo.push(work);
}

/** Called by the setup of each test file, as its last hook. */
export async function cleanUp(): Promise<void> {
  const failures: unknown[] = [];
  for (const work of undo.splice(0).reverse()) {
    try {
      await work();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "not everything could be cleaned up");
}
