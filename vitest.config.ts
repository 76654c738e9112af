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
    // On a loaded machine a test may take long, and only a hang shall fail it.
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
});
