import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/built.ts"],
    setupFiles: ["test/support/run/worker.ts"],
    // A worker runs one file after the other without loading everything again. A file leaves nothing behind: see atEnd.
    isolate: false,
    // Tests wait for real processes most of the time, so that more of them than there may be cores run side by side.
    maxWorkers: 4,
    // So long that only a hang exceeds it, also on a loaded machine.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 300_000,
  },
});
