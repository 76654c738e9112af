import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/built.ts"],
    // Tests wait for real processes most of the time, so that more of them than there may be cores run side by side.
    maxWorkers: 3,
    // On a loaded machine a test may take long, and only a hang shall fail it.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
